"""A script reaches the tracker by way of the agent, and notices nothing of it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

import pytest
from amlflow.exceptions import ServiceException
from amlflow.layers.layer import Layer
from amlflow.relay.client import VARIABLE, RelayTracker, open_relay
from amlflow.relay.server import RelayServer
from amlflow.relay.wire import Connection, WireError, encode
from amlflow.spec import (
    Refused,
    RunDraft,
    RunNotFound,
    RunQuery,
    RunRecord,
    Tracker,
    Unavailable,
)
from amlflow.testing.memory import MemoryTracker
from amlflow.testing.tracker_suite import TrackerSuite


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RelayServer]:
    memory = MemoryTracker()
    server = RelayServer(tmp_path / "relay", memory.uri, lambda: Layer(memory))
    server.start()
    yield server
    server.stop()


class TestRelayed(TrackerSuite):
    thorough_tests = frozenset({"test_30000_points"})

    @pytest.fixture
    def tracker(self, server: RelayServer) -> Tracker:
        return cast(Tracker, RelayTracker(server.path))


def test_it_is_found_by_the_variable(server: RelayServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_relay("memory://") is None
    monkeypatch.setenv(VARIABLE, str(server.path))
    tracker = open_relay(MemoryTracker().uri)
    assert tracker is not None
    assert tracker.features == MemoryTracker().features
    assert open_relay("memory://another") is None


def test_a_path_that_is_too_long_for_a_socket(tmp_path: Path) -> None:
    folder = tmp_path / ("n" * 120)
    server = RelayServer(folder, "memory://", lambda: Layer(MemoryTracker()))
    server.start()
    assert RelayTracker(server.path).uri == "memory://"
    server.stop()


def call(server: RelayServer, method: str, *arguments: object) -> dict[str, Any]:
    """Send a call as no client of ours does; the answer, which is empty if there is none."""
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connected.connect(str(server.path))
    connection = Connection(connected)
    try:
        connection.send(
            {"method": method, "arguments": encode(list(arguments)), "keywords": encode({})}
        )
        return connection.receive()
    except WireError:
        return {}
    finally:
        connection.close()


@pytest.mark.parametrize("name", ["inner", "close", "__init__", "flush", "_open"])
def test_nothing_but_the_contract_can_be_called(server: RelayServer, name: str) -> None:
    assert call(server, name) == {}
    with pytest.raises(AttributeError):
        getattr(RelayTracker(server.path), name if name != "__init__" else "gone")


def test_the_agent_opens_no_path_that_a_script_names(server: RelayServer, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of the agent's machine")
    tracker = RelayTracker(server.path)
    assert call(server, "put_snapshot", "0" * 64, secret) == {}
    assert not tracker.has_snapshot("0" * 64)
    experiment = tracker.ensure_experiment("e")
    [run] = tracker.create_runs(
        [RunDraft(experiment_id=experiment.id, created=datetime.now(timezone.utc))]
    )
    assert call(server, "put_files", run.id, {"f": secret}) == {}
    assert tracker.list_files(run.id) == []
    target = tmp_path / "written"
    call(server, "get_file", run.id, "f", target)
    assert not target.exists()


def test_an_agent_that_is_gone_is_unavailable(server: RelayServer) -> None:
    tracker = RelayTracker(server.path)
    server.stop()
    with pytest.raises(Unavailable, match="agent of this run does not answer"):
        RelayTracker(server.path)
    errors: list[Exception] = []

    def ask() -> None:
        try:
            tracker.ensure_experiment("e")
        except Unavailable as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert len(errors) == 1


def test_a_file_that_is_not_there_is_not_the_agents_fault(server: RelayServer) -> None:
    tracker = RelayTracker(server.path)
    with pytest.raises(FileNotFoundError):
        tracker.put_snapshot("0" * 64, server.path.parent / "gone")
    assert not tracker.has_snapshot("0" * 64)


def test_errors_keep_their_attributes(server: RelayServer) -> None:
    tracker = RelayTracker(server.path)
    with pytest.raises(RunNotFound) as raised:
        tracker.get_run("gone")
    assert raised.value.run_id == "gone"
    with pytest.raises(Refused):
        tracker.get_snapshot("0" * 64, server.path.parent / "x")


def test_an_error_of_the_system_is_told_and_is_not_the_scripts_end(tmp_path: Path) -> None:
    class Forbidding(MemoryTracker):
        def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
            raise PermissionError(13, "Permission denied", "runs.json")

        def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
            raise PermissionError(13, "Permission denied", "runs.json")

    memory = Forbidding()
    server = RelayServer(tmp_path / "relay", memory.uri, lambda: Layer(memory))
    server.start()
    try:
        tracker = RelayTracker(server.path)
        with pytest.raises(ServiceException, match=r"PermissionError.*runs\.json"):
            tracker.get_run("1")
        with pytest.raises(ServiceException, match=r"PermissionError.*runs\.json"):
            list(tracker.find_runs(RunQuery()))
    finally:
        server.stop()
