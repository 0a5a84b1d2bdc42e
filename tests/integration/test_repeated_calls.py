"""Calls are repeated as MLflow's client repeats them: after the same answers and pauses."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import urllib3.util.retry
from amlflow.exceptions import AzureMLException, UserErrorException
from amlflow.spec import Refused, RunDraft, Unavailable, tried_once
from amlflow_mlflow.rest import direct_transfer as direct
from amlflow_mlflow.rest import repeating, settings
from amlflow_mlflow.rest.connection import Connection
from amlflow_mlflow.store_of_uri import open_store
from amlflow_mlflow.tracker import MlflowTracker
from helpers.flaky_proxy import Reply, start_proxy
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

pytestmark = pytest.mark.usefixtures("no_settings")

VERSION = Reply(b"3.17.2", "text/html")
DRAFT = RunDraft(experiment_id="1", created=datetime(2031, 1, 2, tzinfo=timezone.utc))


class Clock:
    """The module ``time``, in which sleeping takes no time and is written down."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))

    def monotonic(self) -> float:
        return sum(self.slept)

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


class Half:
    """The module ``random``, which always returns the middle."""

    @staticmethod
    def random() -> float:
        return 0.5

    @staticmethod
    def uniform(low: float, high: float) -> float:
        return (low + high) / 2


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (urllib3.util.retry, repeating):
        monkeypatch.setattr(module, "time", clock)
        monkeypatch.setattr(module, "random", Half)
    return clock


Answers = list[tuple[int, str | None]]
"""The status and Retry-After of each answer. The last one is also that of each later call."""


class Busy:
    """A server that answers as it is told, and how often it was asked."""

    def __init__(self, clock: Clock) -> None:
        self.uri = ""
        self._clock = clock
        self._answers: Answers = []
        self._asked = 0

    def answer(self, path: str, content: Any) -> Reply:
        if path.endswith("/version"):
            return VERSION
        status, pause = self._answers[min(self._asked, len(self._answers) - 1)]
        self._asked += 1
        headers = () if pause is None else (("Retry-After", pause),)
        return Reply(b'{"error_code": "BUSY", "message": "busy"}', status=status, headers=headers)

    def tries(self, answers: Answers, call: Callable[[str], object]) -> tuple[int, list[float]]:
        """Make a call to the server. Returns how often it was made, and the pauses between."""
        self._answers, self._asked = answers, 0
        self._clock.slept.clear()
        with contextlib.suppress(AzureMLException, MlflowException):
            call(self.uri)
        return self._asked, self._clock.slept.copy()


@pytest.fixture
def busy(clock: Clock) -> Iterator[Busy]:
    busy = Busy(clock)
    with start_proxy("http://127.0.0.1:9") as (proxy, busy.uri):
        proxy.rule = busy.answer
        yield busy


def read_experiment(uri: str) -> object:
    return open_store(uri).get_experiment_by_name("x")


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"REQUEST_MAX_RETRIES": "0"},
        {"REQUEST_MAX_RETRIES": "3"},
        {"REQUEST_MAX_RETRIES": "3", "REQUEST_BACKOFF_FACTOR": "0", "REQUEST_BACKOFF_JITTER": "0"},
        {"REQUEST_MAX_RETRIES": "3", "REQUEST_BACKOFF_FACTOR": "5"},
        {"REQUEST_MAX_RETRIES": "3", "REQUEST_BACKOFF_JITTER": "2.5"},
        {"REQUEST_MAX_RETRIES": "3", "RESPECT_RETRY_AFTER_HEADER": "false"},
        {"REQUEST_MAX_RETRIES": "2", "RESPECT_RETRY_AFTER_HEADER": "TRUE"},
    ],
    ids=lambda variables: ",".join(variables) or "none",
)
def test_calls_are_repeated_as_by_mlflows_client(
    variables: dict[str, str], busy: Busy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"MLFLOW_HTTP_{name}", value)
    rows: list[Answers] = [
        [(status, pause)]
        for status in (400, 404, 408, 413, 429, 500, 501, 502, 503, 504)
        for pause in (None, "5")
    ]
    rows += [[(429, "0")], [(503, "2"), (500, None), (429, "7"), (404, None)]]
    for row in rows if variables else rows[-1:]:
        theirs = busy.tries(row, lambda uri: MlflowClient(uri).get_experiment_by_name("x"))
        assert busy.tries(row, read_experiment) == theirs, row


@pytest.mark.parametrize("asked", ["86400", "1e9", "soon", "-1"])
def test_no_answer_makes_a_call_wait_for_hours(asked: str, busy: Busy) -> None:
    count, slept = busy.tries([(503, asked)], read_experiment)
    assert count == 8
    assert max(slept) <= 120.5


def test_a_run_is_created_once_when_the_server_is_not_busy_any_more(busy: Busy) -> None:
    def create(uri: str) -> object:
        return open_store(uri).create_run("1", "me", 0, {}, "x")

    assert busy.tries([(429, "5"), (503, None), (400, None)], create) == (3, [5, 0.5])
    assert busy.tries([(429, "50")], create) == (4, [50, 50, 20])
    assert busy.tries([(500, "5")], create) == (1, [])


SEVERAL: dict[str, Callable[[MlflowTracker], object]] = {
    "create runs": lambda tracker: tracker.create_runs([DRAFT, DRAFT]),
    "remove tags": lambda tracker: tracker._remove_tags("0" * 32, ["a", "b"]),
    "read metrics": lambda tracker: tracker._store.metric_rows("0" * 32, ["a", "b"]),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_calls_at_the_same_time_are_tried_once_if_their_caller_tries_again(
    name: str, busy: Busy
) -> None:
    tracker = MlflowTracker(busy.uri)

    def call(uri: str) -> None:
        with tried_once():
            SEVERAL[name](tracker)

    count, slept = busy.tries([(503, None)], call)
    assert count <= 2
    assert slept == []


class Storage:
    """A server that sends large files to its storage, which answers 503 so often at first."""

    def __init__(self, uri: str, refusals: int) -> None:
        self._uri, self._left = uri, refusals

    def answer(self, path: str, content: Any) -> Reply:
        if path.endswith("/version"):
            return VERSION
        if "/storage/" in path:
            self._left -= 1
            if self._left >= 0:
                return Reply(b"slow down", "text/plain", 503)
            return Reply(b"content", None, headers=(("ETag", "e"),))
        address = {"url": f"{self._uri}/storage/1", "part_number": 1}
        answers = {
            "mpu/create": {"upload_id": "u", "credentials": [address]},
            "mpu/": {},
            "presigned/": address,
            "artifacts": {"files": [{"path": "file", "is_dir": False, "file_size": 7}]},
        }
        found = next(answers[part] for part in answers if part in path.removeprefix(direct.ROOT))
        return Reply(json.dumps(found).encode())


def send(connection: Connection, path: Path) -> None:
    assert direct.put(connection, "run", "file", path)


def receive(connection: Connection, path: Path) -> None:
    answer = direct.open_file(connection, "run", "file")
    assert answer is not None
    with answer as response:
        assert response.read() == path.read_bytes()


@pytest.mark.parametrize("move", [send, receive])
def test_a_busy_storage_is_asked_again(
    move: Callable[[Connection, Path], None],
    clock: Clock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "1")
    path = tmp_path / "file"
    path.write_text("content")
    with start_proxy("http://127.0.0.1:9") as (proxy, uri):
        connection = Connection(uri)
        proxy.rule = Storage(uri, 2).answer
        move(connection, path)
        assert clock.slept == [4.5]  # the first time, it is asked again at once
        proxy.rule = Storage(uri, 1).answer
        with tried_once(), pytest.raises(Unavailable, match="HTTP 503"):
            move(connection, path)
        assert clock.slept == [4.5]


def test_a_server_that_is_busy_is_not_taken_for_one_without_workspaces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_WORKSPACE", "team")
    answers = [Reply(b"not found", "text/plain", 404), Reply(b'{"workspaces_enabled": true}')]
    with start_proxy("http://127.0.0.1:9") as (proxy, uri):
        proxy.rule = lambda path, content: VERSION if path.endswith("version") else answers.pop()
        answers.append(Reply(b"busy", "text/plain", 503))
        with tried_once(), pytest.raises(Unavailable, match="HTTP 503"):
            open_store(uri)
        open_store(uri)
        with pytest.raises(Refused, match="no workspaces"):
            open_store(uri)


@pytest.mark.parametrize(("status", "is_busy"), [(429, True), (503, True), (500, False)])
def test_a_server_that_is_busy_at_the_first_contact_is_asked_again_for_seconds(
    status: int, is_busy: bool, clock: Clock
) -> None:
    answers = [Reply(status=status, headers=(("Retry-After", "2"),))]
    with start_proxy("http://127.0.0.1:9") as (proxy, uri):
        proxy.rule = lambda path, content: answers.pop() if answers else VERSION
        with contextlib.nullcontext() if is_busy else pytest.raises(Unavailable):
            Connection(uri).probe()
        assert clock.slept == ([2] if is_busy else [])
        clock.slept.clear()
        answers += [Reply(status=status)] * 100
        with pytest.raises(Unavailable, match=f"HTTP {status}"):
            Connection(uri).probe()
        assert sum(clock.slept) == (5 if is_busy else 0)
        with tried_once(), pytest.raises(Unavailable):
            Connection(uri).probe()
        assert sum(clock.slept) == (5 if is_busy else 0)


def read_all_settings() -> None:
    settings.respects_retry_after()
    settings.sends_directly()
    settings.reads_directly()
    settings.direct_minimum_bytes()
    settings.part_bytes()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER", "yes"),
        ("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "on"),
        ("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "on"),
        ("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "5MB"),
        ("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", "-1"),
    ],
)
def test_a_wrong_value_is_refused_by_its_variables_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UserErrorException, match=f"{name} is '{value}'"):
        read_all_settings()
