"""Reading with the SDK, the command line or the page writes nothing and starts no process."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from amlflow.core.runs.run import Run
from amlflow.jobs.job import this_host
from amlflow.plugins import load_plugins
from amlflow.spec import LAUNCHED, RunChange, Status, hookimpl
from amlflow.testing.memory import MemoryTracker
from azureml.core import Dataset, Datastore, Environment, Model, Workspace
from helpers.hostile_reads import BASE, open_page, run_command
from helpers.hostile_runs import QUERIES, READS, ThreeRuns

WRITES = (
    "ensure_experiment", "update_experiment", "delete_experiment", "create_runs", "update_run",
    "delete_run", "restore_run", "write_points", "put_files", "put_snapshot", "register_model",
    "update_model", "delete_model", "show_inputs",
)  # fmt: skip
COMMANDS = (
    "run list", "run list --query [?status]", "run show -r RUN", "run metrics -r RUN",
    "run children -r RUN", "run logs -r RUN", "run download -r RUN -d files", "experiment list",
    "experiment show -e hostile", "model list", "dataset list", "datastore list",
    "environment list", "computetarget list", "workspace show",
)  # fmt: skip


class CountingTracker(MemoryTracker):
    """Notes the calls that write."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self.writes: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        if name in WRITES:
            self.writes.append(name)
        return super().__getattribute__(name)


@pytest.fixture
def tracker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingTracker]:
    tracker = CountingTracker(f"memory://reads-{uuid.uuid4().hex}")
    plugin = SimpleNamespace(
        amlflow_tracker=hookimpl(lambda uri: tracker if uri == tracker.uri else None)
    )
    load_plugins().manager.register(plugin, name="reads")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracker.uri)
    monkeypatch.setenv("AMLFLOW_JOURNAL", "off")
    yield tracker
    load_plugins().manager.unregister(plugin)


def read_workspace(workspace: Workspace) -> None:
    """Every list of a workspace, and what is in its own datastore."""
    assert [*workspace.experiments] == ["hostile"]
    reads: tuple[Callable[[], Any], ...] = (
        lambda: Model.list(workspace),
        lambda: Environment.list(workspace),
        lambda: Dataset.get_all(workspace),
        lambda: workspace.datasets,
        lambda: workspace.datastores,
        lambda: workspace.models,
        lambda: workspace.environments,
        lambda: workspace.compute_targets,
        lambda: workspace.get_default_datastore(),
        lambda: Datastore.get_default(workspace).download("files"),
        lambda: workspace.get_details(),
    )
    for read in reads:
        read()


def test_the_sdk_writes_nothing_when_it_reads(tracker: CountingTracker) -> None:
    runs = ThreeRuns()
    runs.damaged.complete()
    tracker.writes.clear()
    workspace = Workspace.from_config()
    read_workspace(workspace)
    for run_id in (runs.damaged.id, runs.healthy.id):
        for name, read in READS.items():
            read(Run.get(workspace, run_id))
            assert tracker.writes == [], name
    for query in QUERIES:
        runs.experiment.query(query, include_children=True)
    assert len(list(runs.experiment.get_runs(include_children=True))) == 3
    assert tracker.writes == []


def test_the_command_line_writes_nothing_when_it_reads(tracker: CountingTracker) -> None:
    runs = ThreeRuns()
    runs.damaged.complete()
    tracker.writes.clear()
    for command in COMMANDS:
        code, _, errors = run_command(*command.replace("RUN", runs.healthy.id).split())
        assert code == 0, (command, errors)
        assert tracker.writes == [], command


def test_the_page_writes_nothing_when_it_reads(
    tracker: CountingTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = ThreeRuns()
    runs.damaged.complete()
    tracker.writes.clear()
    flask = pytest.importorskip("flask")
    from amlflow_page import routes, server_workspace
    from amlflow_page.access import Everybody
    from amlflow_page.query_processes import QueryProcess, QueryProcesses

    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", tracker.uri)
    # The first process is started a while after the first search: here that is after the test.
    processes = QueryProcesses(lambda: QueryProcess(tracker.uri))
    monkeypatch.setattr(routes, "PROCESSES", processes)
    server_workspace.runs.cache_clear()
    app = flask.Flask("page")
    app.testing = True
    routes.add_routes(app, Everybody())
    page = app.test_client()
    for path in ("views", "experiments", "keys", "query/check?query=[]"):
        assert page.get(f"{BASE}/{path}").status_code == 200, path
    for path in ("get", "details"):
        address = f"{BASE}/runs/{path}?run_id={runs.healthy.id}"
        assert page.get(address).status_code == 200, path
    assert page.post(f"{BASE}/runs/search", json={}).status_code == 200
    asked = {"run_ids": [runs.healthy.id]}
    assert page.post(f"{BASE}/runs/states", json=asked).status_code == 200
    processes.close()
    server_workspace.runs.cache_clear()
    assert tracker.writes == []
    assert runs.healthy.get_status() == Status.COMPLETED


def test_the_pages_logs_files_and_curves_write_nothing(
    store: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what a process of its own answers. All of the database and the files is compared."""
    runs = ThreeRuns()
    for name in ("logs/a.txt", "user_logs/std_log.txt", "outputs/model"):
        (folder / "file").write_text("first\nsecond")
        runs.damaged.upload_file(name, "file")
    runs.damaged.log("loss", 1)
    runs.damaged.complete()
    path = store.removeprefix("sqlite:///")

    def everything() -> list[Any]:
        with contextlib.closing(sqlite3.connect(path)) as database:
            rows: list[Any] = list(database.iterdump())
        return rows + [
            (each, each.stat().st_mtime_ns)
            for each in sorted(Path(path).parent.rglob("*/artifacts/**"))
        ]

    before = everything()
    run_id = runs.damaged.id
    with open_page(path, monkeypatch) as page:
        for name in ("logs/a.txt", "user_logs/std_log.txt"):
            assert b"second" in page.get(f"{BASE}/runs/log?run_id={run_id}&name={name}").data
            find = f"{BASE}/runs/log/find?run_id={run_id}&name={name}&text=second"
            assert page.get(find).status_code == 200
        assert page.get(f"{BASE}/runs/logs?run_id={run_id}").status_code == 200
        for place in ("", "outputs", "nowhere"):
            page.get(f"{BASE}/runs/files?run_id={run_id}&folder={place}")
        assert page.get(f"{BASE}/runs/metrics?run_id={run_id}").status_code == 200
        both = f"left={run_id}&right={runs.healthy.id}"
        assert page.get(f"{BASE}/runs/difference?{both}").status_code == 200
        for body in ({"query": "[?status]"}, {"sort": "name", "children": True}):
            assert page.post(f"{BASE}/runs/search", json=body).status_code == 200
        asked = {"run_ids": [run_id, runs.healthy.id], "names": ["loss"]}
        for route in ("runs/curves", "runs/metrics/names"):
            assert page.post(f"{BASE}/{route}", json=asked).status_code == 200
        for route in ("runs/failures", "runs/groups", "runs/open", "views/changes"):
            page.post(f"{BASE}/{route}", json={"run_ids": [run_id], "group": "status"})
        page.get(f"{BASE}/views/get?id=none")
        page.get(f"{BASE}/views/history?id=none")
    assert everything() == before


STARTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system"}
REMOVES = {"os.remove", "os.rmdir", "os.rename", "os.truncate", "shutil.rmtree", "shutil.move"}
seen: list[tuple[str, str]] = []
"""What :func:`watching` sees: an event of Python's, and what it is about."""
_watches = threading.local()


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event in STARTS | REMOVES and getattr(_watches, "on", False):
        seen.append((event, str(arguments[0])))


@contextlib.contextmanager
def watching() -> Iterator[None]:
    """Note the processes that this thread starts, and the files that it removes."""
    if not hasattr(_watches, "on"):
        sys.addaudithook(_note)  # it stays: Python cannot remove a hook
    seen.clear()
    _watches.on = True
    try:
        yield
    finally:
        _watches.on = False


@pytest.mark.parametrize("kind", ["sqlite", "trackio"])
def test_a_look_starts_no_process_and_removes_nothing(
    request: pytest.FixtureRequest, folder: Path, jobs: Path, monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:  # fmt: skip
    uri = request.getfixturevalue(f"{kind}_uri")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("AMLFLOW_JOURNAL", "off")
    runs = ThreeRuns()
    work = jobs / ("a" * 32) / "work"
    work.mkdir(parents=True, mode=0o700)
    old = "2020-01-01T00:00:00+00:00"
    job = json.dumps({"name": "a" * 32, "host": this_host(), "proof": "0" * 64})
    notes = {LAUNCHED: "yes", "job": job, "heartbeat": old, "heartbeat_seconds": "1"}
    runs.workspace._tracker.update_run(runs.damaged.id, RunChange(system=notes))
    workspace = Workspace.from_config()
    with watching():
        for run_id in (runs.damaged.id, runs.healthy.id):
            for read in READS.values():
                read(Run.get(workspace, run_id))
        for query in QUERIES:
            runs.experiment.query(query, include_children=True)
        for command in COMMANDS:
            code, _, errors = run_command(*command.replace("RUN", runs.damaged.id).split())
            assert code == 0, (command, errors)
        if kind == "sqlite":
            with open_page(uri.removeprefix("sqlite:///"), monkeypatch) as page:
                for path in ("get", "details", "metrics", "logs", "files"):
                    page.get(f"{BASE}/runs/{path}?run_id={runs.damaged.id}")
                assert page.post(f"{BASE}/runs/search", json={}).status_code == 200
    assert [event for event in seen if event[0] in STARTS] == []
    mine = (str(jobs), str(folder.parent / "trackio"), str(folder.parent / "mlruns"))
    assert [event for event in seen if event[0] in REMOVES and event[1].startswith(mine)] == []
    assert work.is_dir()
    with watching():  # check that the hook sees such calls
        subprocess.run(["true"], check=True)
        work.rmdir()
    assert {event for event, _ in seen} >= {"subprocess.Popen", "os.rmdir"}
