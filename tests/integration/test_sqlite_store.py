"""amlflow's own store for MLflow's default database, which does not import MLflow."""

from __future__ import annotations

import shlex
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.experiment import Experiment
from amlflow.jobs.run_notes import EndRequest
from amlflow.spec import (
    LAUNCHED,
    RunChange,
    RunNotFound,
    Status,
    Unavailable,
)
from amlflow_mlflow.database_keeper import DatabaseKeeper
from amlflow_mlflow.entities import RunInfo
from amlflow_mlflow.rest.connection import Connection
from amlflow_mlflow.rest.server_store import ServerStore
from amlflow_mlflow.sqlite import experiments, revisions, rows
from amlflow_mlflow.sqlite.database import Database
from amlflow_mlflow.sqlite.store import SqliteStore, open_sqlite
from amlflow_mlflow.tracker import MlflowTracker
from helpers import servers
from mlflow import MlflowClient


def test_a_run_is_read_in_one_moment(
    store: str, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script's MLflow has ended the run, and its agent ends it otherwise while it is read."""
    run = experiment.start_logging(snapshot_directory=None)
    run._tracker.update_run(run.id, RunChange(status="Running", system={LAUNCHED: "yes"}))
    tracker = MlflowTracker(store)
    tracker._store.update_run_info(run.id, "FINISHED", 1)
    end = EndRequest("Failed").change()
    keeper = DatabaseKeeper(Database(store, keeps_connections=False))
    agent = threading.Thread(target=lambda: keeper.update_run(run.id, end))
    to_info = rows._info

    def interrupted(row: Any) -> RunInfo:
        if not agent.ident:
            agent.start()
            agent.join(0.5)  # it has to wait for the reader
        return to_info(row)

    monkeypatch.setattr(rows, "_info", interrupted)
    assert tracker.get_run(run.id).status == "Running"
    agent.join()
    assert tracker.get_run(run.id).status == "Failed"


@pytest.mark.parametrize(
    ("status", "order"),
    [("Failed", ["update", "log-batch"]), ("Canceled", ["log-batch", "update"])],
)
def test_the_order_in_which_a_server_is_told_of_an_end(
    monkeypatch: pytest.MonkeyPatch, status: str, order: list[str]
) -> None:
    told: list[str] = []
    info = RunInfo("id", "0", "RUNNING", 0)

    def set_status(store: ServerStore, *change: Any) -> RunInfo:
        told.append("update")
        return info

    monkeypatch.setattr(Connection, "probe", lambda self: None)
    monkeypatch.setattr(ServerStore, "log_batch", lambda self, *_, **__: told.append("log-batch"))
    monkeypatch.setattr(ServerStore, "update_run_info", set_status)
    MlflowTracker("http://localhost").update_run("id", EndRequest(status).change())
    assert told == order


@pytest.mark.parametrize(
    ("status", "in_mlflow"),
    [("Completed", "FINISHED"), ("Failed", "FAILED"), ("Canceled", "KILLED")],
)
def test_a_run_ends_as_with_mlflow(
    store: str, experiment: Experiment, status: str, in_mlflow: str
) -> None:
    run_id = experiment.start_logging(snapshot_directory=None)._record.id
    ended = datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=timezone.utc)
    MlflowTracker(store).update_run(run_id, RunChange(status=status, ended=ended))
    info = MlflowClient(store).get_run(run_id).info
    assert (info.status, info.end_time) == (in_mlflow, 1767323045006)


def test_a_run_that_is_deleted_or_missing_does_not_end(store: str, experiment: Experiment) -> None:
    run_id = experiment.start_logging(snapshot_directory=None)._record.id
    MlflowClient(store).delete_run(run_id)
    for each in (run_id, "0" * 32):
        with pytest.raises(RunNotFound, match=each):
            MlflowTracker(store).update_run(each, RunChange(status=Status.COMPLETED))
    assert MlflowClient(store).get_run(run_id).info.status == "RUNNING"


def test_an_end_with_a_reason_is_whole(store: str, experiment: Experiment) -> None:
    run = experiment.start_logging(snapshot_directory=None)
    run.fail("no data")
    assert MlflowTracker(store).get_run(run._record.id).system["error"]


COMMANDS = (
    "run list", "run list --status Completed --last 3", "run show -r RUN", "run metrics -r RUN",
    "run logs -r RUN", "run children -r RUN", "run update -r RUN --add-tag a=b", "experiment list",
    "run list --query '[?tags.a == `b`].run_id'", "run delete -r RUN", "model list",
)  # fmt: skip


def test_commands_do_without_mlflow(store: str, experiment: Experiment) -> None:
    run = experiment.start_logging(snapshot_directory=None)
    run.log("loss", 1.0)
    run.complete()
    words = [shlex.split(line.replace("RUN", run.id)) for line in COMMANDS]
    script = (
        f"import sys; from amlflow.cli import main\nfor words in {words!r}:\n"
        "    code = main(words)\n"
        "    assert code == 0, (words, code)\n"
        "    assert not {'mlflow', 'sqlalchemy'} & set(sys.modules), words"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=servers.clean_environment(MLFLOW_TRACKING_URI=store),
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_a_whole_life_in_a_new_database_without_mlflow(folder: Path) -> None:
    servers.live(f"sqlite:///{folder}/new.db", "--without-mlflow")


def test_other_databases_are_left_to_mlflow(tmp_path: Path, sqlite_uri: str) -> None:
    assert open_sqlite("http://localhost:5000") is None
    assert open_sqlite(f"{sqlite_uri}?timeout=5") is None
    assert open_sqlite(sqlite_uri) is not None
    with sqlite3.connect(sqlite_uri.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'later'")
    assert open_sqlite(sqlite_uri) is None
    (tmp_path / "text.db").write_bytes(b"text" * 2000)
    assert open_sqlite(f"sqlite:///{tmp_path}/text.db") is None
    sqlite3.connect(tmp_path / "another.db").execute("CREATE TABLE t (a)")
    assert open_sqlite(f"sqlite:///{tmp_path}/another.db") is None


def test_another_mlflow_makes_its_own_new_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow refuses a database that is older or newer than itself."""
    monkeypatch.setattr(revisions, "RELEASED", revisions.RELEASED - 1)
    assert open_sqlite(f"sqlite:///{tmp_path}/new.db") is None
    assert not (tmp_path / "new.db").exists()


def test_many_processes_make_one_new_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:///{tmp_path}/new.db"
    # Otherwise another MLflow makes it.
    monkeypatch.setattr(revisions, "is_schema_installed", lambda: True)
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: open_sqlite(uri), range(8)))
    assert all(isinstance(store, SqliteStore) for store in stores)
    assert [each.name for each in MlflowTracker(uri).list_experiments()] == ["Default"]


def test_each_thread_keeps_a_connection(store: str) -> None:
    database = Database(store)

    def use() -> sqlite3.Connection:
        with database.read() as connection:
            return connection

    here = use()
    assert use() is here
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(use).result() is not here


def test_a_database_that_breaks_is_an_error_of_the_contract(store: str) -> None:
    tracker = MlflowTracker(store)
    Path(store.removeprefix("sqlite:///")).write_bytes(b"no database any more" * 100)
    with pytest.raises(Unavailable, match=r"mlflow\.db cannot be read now"):
        tracker.get_run("0" * 32)


def test_what_mlflow_noted_of_traces_is_deleted_by_mlflow(store: str) -> None:
    """MLflow deletes the assessments of a run with it, so its own store is called."""
    own = open_sqlite(store)
    assert own is not None
    experiment = own.create_experiment("e", {})
    run_id = own.create_run(experiment, "", 1, {}, "n").info.run_id
    note = f'{{"mlflow.assessment.sourceRunId": "{run_id}"}}'
    with sqlite3.connect(store.removeprefix("sqlite:///")) as connection:
        connection.execute(
            "INSERT INTO assessments (assessment_id, trace_id, name, assessment_type, value,"
            " created_timestamp, last_updated_timestamp, source_type, valid, assessment_metadata)"
            " VALUES ('a', 't', 'n', 'feedback', '1', 1, 1, 'CODE', 1, ?)",
            (note,),
        )
    own.delete_run(run_id)
    assert own.get_run(run_id).info.lifecycle_stage == "deleted"
    assert own.select("SELECT count(*) FROM assessments", {}) == [(0,)]


def test_of_experiments_made_at_once_the_newest_is_listed_first(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiments, "now_ms", lambda: 1_700_000_000_000)
    tracker = MlflowTracker(store)
    made = [tracker.ensure_experiment(name).id for name in "abc"]
    assert [each.id for each in tracker.list_experiments() if each.id in made] == made[::-1]
