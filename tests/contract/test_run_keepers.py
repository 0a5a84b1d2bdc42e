"""What an agent uses of a tracker does what the tracker itself does."""

from __future__ import annotations

import subprocess
import sys
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import amlflow_mlflow
import pytest
from amlflow.plugins import open_keeper, open_tracker
from amlflow.spec import (
    PropertyConflict,
    Refused,
    RunChange,
    RunDraft,
    RunKeeper,
    RunNotFound,
    RunRecord,
    Status,
    Tracker,
    Unavailable,
)

AWKWARD = "ä ' \" % _ \\ \n 𝄞 <b> : #?&="


@pytest.fixture(params=["sqlite", "server"])
def any_store(request: pytest.FixtureRequest) -> str:
    """The stores that have a keeper of their own."""
    uri: str = request.getfixturevalue(f"{request.param}_uri")
    return uri


@pytest.fixture
def tracker(any_store: str) -> Tracker:
    return open_tracker(any_store)


@pytest.fixture
def keeper(any_store: str) -> RunKeeper:
    return open_keeper(any_store)


@pytest.fixture
def run(tracker: Tracker) -> RunRecord:
    experiment = tracker.ensure_experiment(f"keepers-{uuid.uuid4().hex}")
    draft = RunDraft(
        experiment_id=experiment.id,
        name="a name",
        type="azureml.scriptrun",
        status=Status.PREPARING,
        created=datetime.now(timezone.utc),
        tags={AWKWARD: AWKWARD, "none": None, "empty": ""},
        properties={AWKWARD: AWKWARD},
        system={"launched": "yes", "target": "local"},
    )
    [made] = tracker.create_runs([draft])
    return made


def same(tracker: Tracker, keeper: RunKeeper, run: RunRecord) -> RunRecord:
    seen = keeper.get_run(run.id)
    assert seen == tracker.get_run(run.id)
    return seen


def test_both_see_the_same(tracker: Tracker, keeper: RunKeeper, run: RunRecord) -> None:
    assert keeper is not tracker, "this store has no keeper of its own"
    seen = same(tracker, keeper, run)
    assert seen.status == Status.PREPARING
    assert seen.started is None


def test_a_change_of_everything(tracker: Tracker, keeper: RunKeeper, run: RunRecord) -> None:
    started = datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    keeper.update_run(
        run.id,
        RunChange(
            status=Status.RUNNING,
            started=started,
            name="renamed",
            description=AWKWARD,
            tags={"new": AWKWARD, "bare": None},
            tags_removed=["none", "never there"],
            properties={"p": AWKWARD},
            system={"heartbeat": "now"},
        ),
    )
    seen = same(tracker, keeper, run)
    assert (seen.status, seen.started, seen.name) == (Status.RUNNING, started, "renamed")
    assert seen.description == AWKWARD
    assert seen.tags == {AWKWARD: AWKWARD, "empty": "", "new": AWKWARD, "bare": None}
    assert seen.properties == {AWKWARD: AWKWARD, "p": AWKWARD}
    assert seen.system["heartbeat"] == "now"


@pytest.mark.parametrize("final", [Status.COMPLETED, Status.FAILED, Status.CANCELED])
def test_an_end_is_stored_and_no_later_status_replaces_it(
    tracker: Tracker, keeper: RunKeeper, run: RunRecord, final: str
) -> None:
    ended = datetime(2031, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    change = RunChange(status=final, ended=ended, system={"launched": "ended"})
    keeper.update_run(run.id, change)
    seen = same(tracker, keeper, run)
    assert (seen.status, seen.ended) == (final, ended)
    for late in (Status.CANCEL_REQUESTED, Status.NOT_RESPONDING, Status.FINALIZING):
        keeper.update_run(run.id, RunChange(status=late))
        tracker.update_run(run.id, RunChange(status=late))
        assert same(tracker, keeper, run).status == final
    corrected = datetime(2032, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    keeper.update_run(run.id, RunChange(ended=corrected))
    seen = same(tracker, keeper, run)
    assert (seen.status, seen.ended) == (final, corrected)


def test_an_end_that_is_not_the_agents(any_store: str, tracker: Tracker, run: RunRecord) -> None:
    import mlflow

    keeper, client = open_keeper(any_store), mlflow.MlflowClient(any_store)
    keeper.update_run(run.id, RunChange(status=Status.RUNNING))
    for other in ("FINISHED", "FAILED"):
        client.set_terminated(run.id, other)
        assert same(tracker, keeper, run).status == Status.RUNNING
    client.set_terminated(run.id, "KILLED")
    assert same(tracker, keeper, run).status == Status.CANCELED


def test_properties_are_write_once(tracker: Tracker, keeper: RunKeeper, run: RunRecord) -> None:
    keeper.update_run(run.id, RunChange(properties={"p": "1"}))
    keeper.update_run(run.id, RunChange(properties={"p": "1"}, tags={"same": "yes"}))
    with pytest.raises(PropertyConflict) as caught:
        keeper.update_run(
            run.id, RunChange(properties={"p": "2", "q": "3"}, tags={"t": "no"}, status="Failed")
        )
    assert (caught.value.key, caught.value.kept, caught.value.refused) == ("p", "1", "2")
    seen = same(tracker, keeper, run)
    assert seen.properties == {AWKWARD: AWKWARD, "p": "1"}
    assert "t" not in seen.tags
    assert seen.tags["same"] == "yes"
    assert seen.status == Status.PREPARING


def test_the_tracker_reads_the_files_that_the_keeper_wrote(
    tracker: Tracker, keeper: RunKeeper, run: RunRecord, tmp_path: Path
) -> None:
    path, got = tmp_path / "local", tmp_path / "got"
    for content in (b"first", b"", b"x" * 3_000_000):
        path.write_bytes(content)
        keeper.put_files(run.id, {"logs/ä b.txt": path, "top": path}, replace=True)
        assert tracker.list_files(run.id) == ["logs/ä b.txt", "top"]
        for name in ("logs/ä b.txt", "top"):
            tracker.get_file(run.id, name, got)
            assert got.read_bytes() == content


def test_a_missing_run_is_a_run_not_found(keeper: RunKeeper, tmp_path: Path) -> None:
    missing = uuid.uuid4().hex
    with pytest.raises(RunNotFound):
        keeper.get_run(missing)
    with pytest.raises(RunNotFound):
        keeper.update_run(missing, RunChange(status=Status.RUNNING))
    with pytest.raises(RunNotFound):
        keeper.update_run(missing, RunChange(tags={"a": "b"}, properties={"p": "q"}))


def test_what_is_too_long(keeper: RunKeeper, run: RunRecord) -> None:
    with pytest.raises(Refused):
        keeper.update_run(run.id, RunChange(tags={"a": "x" * 10_000}))


def test_a_server_that_does_not_answer() -> None:
    from helpers import servers

    keeper = open_keeper(f"http://127.0.0.1:{servers.free_port()}")
    with pytest.raises(Unavailable):
        keeper.get_run(uuid.uuid4().hex)


def test_credentials_are_sent_as_mlflow_sends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are sent as MLflow's client sends them, and are in no message."""
    import base64
    import http.server
    import threading

    seen: list[str | None] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_error(403)

        def log_message(self, *args: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{server.server_port}"
    basic = "Basic " + base64.b64encode(b"me:s3cr3t").decode()
    for uri, settings, expected in (
        (f"http://me:s3cr3t@{address}", {}, basic),
        (
            f"http://{address}",
            {"MLFLOW_TRACKING_USERNAME": "me", "MLFLOW_TRACKING_PASSWORD": "s3cr3t"},
            basic,
        ),
        (f"http://{address}", {"MLFLOW_TRACKING_TOKEN": "s3cr3t"}, "Bearer s3cr3t"),
    ):
        with monkeypatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            with pytest.raises(Exception, match="refuses") as caught:
                open_keeper(uri).get_run("x")
        assert seen.pop() == expected
        assert "s3cr3t" not in str(caught.value)
    server.shutdown()
    server.server_close()


def test_mlflow_is_not_imported(sqlite_uri: str) -> None:
    code = (
        "import sys; from amlflow.plugins import open_keeper; import amlflow.jobs.agent.supervise;"
        f"open_keeper({sqlite_uri!r}); open_keeper('http://127.0.0.1:9');"
        "assert not {'mlflow', 'sqlalchemy', 'requests', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_a_clusters_script_does_not_wait_for_is_not_imported() -> None:
    code = (
        "import sys; from amlflow.plugins import open_compute, open_keeper;"
        "import amlflow.jobs.agent.on_cluster; open_keeper('http://127.0.0.1:9');"
        "open_compute('local', {}); import amlflow_mlflow.rest.settings as settings;"
        "settings.headers('http://127.0.0.1:9');"
        "late = {'psutil', 'sqlite3', 'configparser', 'netrc', 'amlflow.layers.journaled'};"
        "assert not late & set(sys.modules), late & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_agent_that_also_needs_the_tracker_connects_once(server_uri: str) -> None:
    keeper = open_keeper(server_uri)
    assert keeper is not None
    with pytest.raises(RunNotFound):
        keeper.get_run("0" * 32)
    # The hook's answer, since `open_tracker` would give one object for each URI in any case.
    tracker = amlflow_mlflow.amlflow_tracker(server_uri)
    assert amlflow_mlflow.amlflow_tracker(server_uri) is tracker


@pytest.mark.parametrize("which", ["keeper", "tracker"])
def test_a_run_that_is_killed_as_it_starts_stays_killed(
    tracker: Tracker, keeper: RunKeeper, run: RunRecord, any_store: str, which: str
) -> None:
    from mlflow import MlflowClient

    MlflowClient(any_store).set_terminated(run.id, "KILLED")
    starting = {"keeper": keeper, "tracker": tracker}[which]
    now = datetime.now(timezone.utc)
    starting.update_run(run.id, RunChange(status=Status.RUNNING, started=now))
    assert same(tracker, keeper, run).status == Status.CANCELED
