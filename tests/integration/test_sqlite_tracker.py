"""What is read of sqlite without MLflow is what MLflow reads."""

from __future__ import annotations

import multiprocessing
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
    ExperimentNotFound,
    RunChange,
    RunNotFound,
    Status,
    Tracker,
    Unavailable,
)
from amlflow_mlflow import amlflow_tracker
from amlflow_mlflow.changes import spell
from amlflow_mlflow.entities import RunInfo
from amlflow_mlflow.rest.connection import Connection
from amlflow_mlflow.rest.server_store import ServerStore
from amlflow_mlflow.tracker import MlflowTracker
from amlflow_mlflow.without_mlflow import sqlite_tables
from amlflow_mlflow.without_mlflow.sqlite_tables import SqliteTables
from amlflow_mlflow.without_mlflow.sqlite_tracker import SqliteTracker, open_sqlite
from helpers import servers
from mlflow import MlflowClient


def test_the_same_as_mlflow(store: str, experiment: Experiment) -> None:
    experiment.tag("note", "größe")
    asked = experiment.start_logging(run_id="mine", snapshot_directory=None, description="text")
    asked.tag("bare")
    asked.add_properties({"a": "b"})
    asked.fail("no data")
    child = asked.child_run()
    Experiment(experiment.workspace, "gone").archive()
    quick, full = open_sqlite(store), MlflowTracker(store)
    full.ensure_experiment("AMLFLOW.mine")  # amlflow's own begin with small letters
    assert quick is not None
    for run_id in ("mine", asked._record.id, child.id):
        for within in (None, experiment.id):
            assert quick.get_run(run_id, within) == full.get_run(run_id, within)
    for run_id, within in (("missing", None), ("mine", "0"), (child.id, "0"), ("0" * 32, None)):
        for tracker in (quick, full):
            with pytest.raises(RunNotFound, match=run_id):
                tracker.get_run(run_id, within)
    assert list(quick.list_experiments()) == list(full.list_experiments())
    assert quick.get_experiment(experiment.id) == full.get_experiment(experiment.id)
    deleted = full.ensure_experiment("deleted").id
    full.delete_experiment(deleted)
    for tracker in (quick, full):
        with pytest.raises(ExperimentNotFound, match=deleted):
            tracker.get_experiment(deleted)
    records = [asked._record, child._record]
    assert quick.run_numbers(records) == full.run_numbers(records) == [1, 2]
    assert quick.run_link(child._record) == full.run_link(child._record)


def test_a_run_is_read_in_one_moment(
    store: str, experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script's MLflow has ended the run, and its agent ends it otherwise while it is read."""
    run = experiment.start_logging(snapshot_directory=None)
    run._tracker.update_run(run.id, RunChange(status="Running", system={LAUNCHED: "yes"}))
    MlflowTracker(store)._store.update_run_info(run.id, "FINISHED", 1)
    end = EndRequest("Failed").change()
    agent = threading.Thread(target=lambda: SqliteTables(store).write(run.id, spell(end)))
    read = sqlite_tables._rows

    def interrupted(*asked: Any) -> Any:
        rows = read(*asked)
        if not agent.ident:
            agent.start()
            agent.join(0.5)  # it has to wait for the reader
        return rows

    tracker = open_sqlite(store)
    assert tracker is not None
    monkeypatch.setattr(sqlite_tables, "_rows", interrupted)
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
    quick = open_sqlite(store)
    assert isinstance(quick, SqliteTracker)
    ended = datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=timezone.utc)
    quick.update_run(run_id, RunChange(status=status, ended=ended))
    assert quick.mlflow is None
    info = MlflowClient(store).get_run(run_id).info
    assert (info.status, info.end_time) == (in_mlflow, 1767323045006)


def test_a_run_that_is_deleted_or_missing_does_not_end(store: str, experiment: Experiment) -> None:
    run_id = experiment.start_logging(snapshot_directory=None)._record.id
    MlflowClient(store).delete_run(run_id)
    quick = open_sqlite(store)
    assert quick is not None
    for each in (run_id, "0" * 32):
        with pytest.raises(RunNotFound, match=each):
            quick.update_run(each, RunChange(status=Status.COMPLETED))
    assert MlflowClient(store).get_run(run_id).info.status == "RUNNING"


def test_an_end_with_a_reason_is_whole(store: str, experiment: Experiment) -> None:
    run = experiment.start_logging(snapshot_directory=None)
    run.fail("no data")
    assert MlflowTracker(store).get_run(run._record.id).system["error"]


def test_a_run_is_shown_without_mlflow(store: str, experiment: Experiment) -> None:
    run = experiment.start_logging(snapshot_directory=None)
    script = (
        "import sys; from amlflow.cli import main; "
        f"assert main(['run', 'show', '-r', '{run.id}']) == 0; assert 'mlflow' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-c", script],
        env=servers.clean_environment(MLFLOW_TRACKING_URI=store),
        check=True,
        stdout=subprocess.DEVNULL,
    )


def test_other_databases_are_left_to_mlflow(tmp_path: Path) -> None:
    assert open_sqlite(f"sqlite:///{tmp_path}/new.db") is None
    assert not (tmp_path / "new.db").exists()
    (tmp_path / "other.db").write_bytes(b"")
    assert open_sqlite(f"sqlite:///{tmp_path}/other.db") is None
    assert open_sqlite("http://localhost:5000") is None


def test_a_new_database_is_read_so_as_soon_as_mlflow_has_made_it(tmp_path: Path) -> None:
    tracker = amlflow_tracker(f"sqlite:///{tmp_path}/new.db")
    assert isinstance(tracker, SqliteTracker)
    assert [each.name for each in tracker.list_experiments()] == ["Default"]


def test_threads_and_forked_processes_share_no_connection(
    store: str, experiment: Experiment
) -> None:
    quick = open_sqlite(store)
    assert isinstance(quick, SqliteTracker)
    here = quick.tables.connection()
    assert quick.tables.connection() is here
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(quick.tables.connection).result() is not here

    def ask() -> None:
        sys.exit(quick.tables.connection() is here)

    forked = multiprocessing.get_context("fork").Process(target=ask)
    forked.start()
    forked.join()
    assert forked.exitcode == 0


def test_a_database_that_breaks_is_an_error_of_the_contract(
    store: str, experiment: Experiment
) -> None:
    quick = open_sqlite(store)
    assert quick is not None
    Path(store.removeprefix("sqlite:///")).write_bytes(b"no database any more" * 100)
    with pytest.raises(Unavailable, match=r"mlflow\.db cannot be read now"):
        quick.get_run("0" * 32)


def test_it_is_checked_as_any_plugins_tracker_without_mlflow(
    store: str, experiment: Experiment
) -> None:
    """Each method of the contract is its own; that one is missing is found without MLflow."""
    for name in vars(Tracker):
        if not name.startswith("_") and name not in ("uri", "features"):
            assert name in vars(SqliteTracker), name
    script = (
        "import sys\n"
        "from amlflow.plugins import open_tracker\n"
        "from amlflow.exceptions import UserErrorException\n"
        f"open_tracker({store!r})\n"
        "from amlflow_mlflow.without_mlflow.sqlite_tracker import SqliteTracker\n"
        "del SqliteTracker.find_runs\n"
        "import amlflow.plugins\n"
        "amlflow.plugins._trackers.__init__()\n"
        "try:\n"
        f"    open_tracker({store!r})\n"
        "except UserErrorException as error:\n"
        "    assert 'lacks find_runs' in error.message, error.message\n"
        "else:\n"
        "    raise AssertionError('it is not checked')\n"
        "assert 'mlflow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
