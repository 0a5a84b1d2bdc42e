"""A run from start to end on trackers that teams use: old MLflow versions, PostgreSQL, trackio."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from amlflow.testing.suites.cleaning import new_name
from amlflow_mlflow.store_of_uri import open_store
from helpers import servers
from helpers.flaky_proxy import PASS, Reply, start_proxy
from helpers.submitted_jobs import log_of, new_experiment, submit, until, wait_for_end

TESTS = Path(__file__).resolve().parents[1]


def test_a_whole_life_on_the_newest_server_without_mlflow(server_uri: str) -> None:
    servers.live(server_uri, "--without-mlflow")


@pytest.mark.parametrize("tracker", ["postgres_uri", "trackio_uri"])
def test_a_whole_life_on_other_trackers(tracker: str, request: pytest.FixtureRequest) -> None:
    servers.live(request.getfixturevalue(tracker))


@pytest.mark.parametrize("end", ["", "/"])
def test_a_whole_life_on_a_server_below_a_path_of_a_proxy(server_uri: str, end: str) -> None:
    with start_proxy(server_uri, "/tools/mlflow") as (_, uri):
        servers.live(f"{uri}{end}", "--without-mlflow")


def test_a_whole_life_on_an_older_server(old_server_uri: str) -> None:
    servers.live(old_server_uri, "--without-mlflow")


REFUSED_BEFORE = {"a tag of 6,000 characters": (2, 17), "Experiment.remove_tags": (3, 2)}
"""The first version with each operation that an older server lacks."""


def try_operations(uri: str, folder: Path) -> dict[str, str]:
    """Try all operations of the SDK and the command line. Returns why some were refused."""
    folder.mkdir()
    command = [sys.executable, "-m", "helpers.operations", "results.json", "--without-mlflow"]
    variables = servers.clean_environment(
        MLFLOW_TRACKING_URI=uri,
        AMLFLOW_JOBS=str(folder / "jobs"),
        AMLFLOW_JOURNAL_FOLDER=str(folder / "journals"),
        PYTHONPATH=str(TESTS),
        XDG_CONFIG_HOME=str(folder / "config"),
    )
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return {name: result for name, result in results.items() if result != "ok"}


@pytest.mark.long
def test_every_operation_works_on_an_older_server_or_is_refused_by_its_version(
    old_server_uri: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    version = request.node.callspec.params["old_server_uri"]
    numbers = tuple(int(number) for number in version.split(".")[:2])
    refused = try_operations(old_server_uri, tmp_path / "walk")
    assert refused.keys() == {name for name, since in REFUSED_BEFORE.items() if numbers < since}
    for name, message in refused.items():
        since = ".".join(map(str, REFUSED_BEFORE[name]))
        assert f"is version {version}, " in message
        assert f"That needs MLflow {since} or later: upgrade the server." in message


@pytest.mark.long
def test_every_operation_works_on_the_newest_server(server_uri: str, tmp_path: Path) -> None:
    assert try_operations(server_uri, tmp_path / "walk") == {}


@pytest.mark.long
def test_every_operation_outlasts_a_server_that_is_busy_once_at_each_call(
    server_uri: str, tmp_path: Path
) -> None:
    busy_at: set[str] = set()

    def be_busy_once(path: str, content: object) -> object:
        call = re.sub("[0-9a-f]{32}", "ID", path.partition("?")[0])
        call = re.sub("/artifacts/.+", "/artifacts/FILE", call)
        if call in busy_at:
            return PASS
        busy_at.add(call)
        return 503, {"Retry-After": "0.1"}

    with start_proxy(server_uri) as (proxy, uri):
        proxy.rule = be_busy_once
        assert try_operations(uri, tmp_path / "walk") == {}
    assert len(busy_at) > 30


@pytest.mark.parametrize("old_server_uri", ["2.9.2", "3.9.0"], indirect=True)
def test_scripts_are_submitted_and_cancelled_on_an_older_server(
    old_server_uri: str, jobs: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", old_server_uri)
    experiment = new_experiment()
    code = """
        import pathlib, time
        from azureml.core import Run
        run = Run.get_context()
        run.log("loss: größe", 0.5)
        pathlib.Path("outputs/größe.txt").write_text("kept")
        print("begun")
        while run.get_tags()["ends"] == "no":
            time.sleep(0.2)
    """
    waiting = submit(experiment, code, {"ends": "no"})
    done = submit(experiment, code, {"ends": "yes"})
    until(lambda: "loss: größe" in waiting.get_metrics(), what="the first value")
    waiting.cancel()
    assert wait_for_end(waiting) == "Canceled"
    assert wait_for_end(done) == "Completed"
    assert done.get_metrics() == {"loss: größe": 0.5}
    assert "begun" in log_of(done)
    done.download_file("outputs/größe.txt", "copy.txt")
    assert Path("copy.txt").read_text() == "kept"


@pytest.mark.parametrize("old_server_uri", ["2.9.2"], indirect=True)
def test_amlflow_ui_opens_the_own_page_of_a_server_without_the_studio(
    old_server_uri: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from amlflow_page.command import ui

    monkeypatch.setenv("MLFLOW_TRACKING_URI", old_server_uri)
    ui(no_browser=True)
    printed = capsys.readouterr()
    assert printed.out == f"MLflow's page: {old_server_uri}/\n"
    assert f"The server at {old_server_uri} has no studio" in printed.err


@pytest.mark.parametrize("old_server_uri", ["2.9.2", "2.22.5", "3.9.0"], indirect=True)
def test_a_proxy_hides_the_version(
    old_server_uri: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    keeps_colons = request.node.callspec.params["old_server_uri"] != "2.9.2"
    with start_proxy(old_server_uri) as (proxy, uri):
        proxy.rule = lambda path, _: Reply(status=404) if path.endswith("/version") else PASS
        store = open_store(uri)
        experiment_id = store.create_experiment(new_name(), {})
        run = store.create_run(experiment_id, "me", 0, {}, None)
        store.set_tag(run.info.run_id, "a:b", "x")
        assert store.get_run(run.info.run_id).data.tags["a:b"] == "x"
        assert not store.filters_null
    query = f"{old_server_uri}/api/2.0/mlflow/runs/get?run_id={run.info.run_id}"
    with urllib.request.urlopen(query) as answer:
        tags = {tag["key"] for tag in json.load(answer)["run"]["data"]["tags"]}
    assert ("a:b" in tags) == keeps_colons


def test_the_database_of_an_older_version_is_opened_without_mlflow(
    old_server_uri: str, request: pytest.FixtureRequest, shared: servers.Shared, tmp_path: Path
) -> None:
    version = request.node.callspec.params["old_server_uri"]
    copy = tmp_path / "mlflow.db"
    database = sqlite3.connect(shared.folder / f"server-{version}" / "mlflow.db")
    with contextlib.closing(database), contextlib.closing(sqlite3.connect(copy)) as target:
        database.backup(target)  # the server goes on
        [revision] = database.execute("SELECT version_num FROM alembic_version").fetchone()
        # The files of these experiments can be read only through the server, so new ones are made.
        target.execute("UPDATE experiments SET name = 'old ' || name WHERE experiment_id <> 0")
        target.commit()
        target.execute("PRAGMA journal_mode=DELETE")  # as MLflow leaves it
    servers.live(f"sqlite:///{copy}", "--without-mlflow", folder=tmp_path)
    with contextlib.closing(sqlite3.connect(copy)) as target:
        assert target.execute("SELECT version_num FROM alembic_version").fetchone() == (revision,)
