"""Answers that are not MLflow's: to each call that writes or reads, in each of the clients."""

from __future__ import annotations

import contextlib
import itertools
import json
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.workspace import Workspace
from amlflow.plugins import open_keeper, open_tracker
from amlflow.spec import (
    Point,
    Refused,
    RunChange,
    RunKeeper,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
    Unavailable,
    tried_once,
)
from amlflow_mlflow.entities import MetricPoint
from helpers import logging_processes
from helpers.flaky_proxy import (
    DRIPS,
    FOREIGN,
    PASS,
    Proxy,
    Reply,
    always_pass,
    start_proxy,
)
from helpers.server_calls import NOW, Calls, believed, new_run, only

ALLOWED_S = "amlflow_mlflow.rest.limited_reads.allowed_s"
SIGNS = {"server", "x-content-type-options", "x-frame-options"}


@pytest.fixture(params=["with signs", "without signs"])
def line(request: pytest.FixtureRequest, server_uri: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy before the server, which shows the headers that are MLflow's own, or does not."""
    with start_proxy(server_uri) as (proxy, uri):
        if request.param == "without signs":
            proxy.hidden = SIGNS
        yield proxy, uri
        proxy.rule = always_pass


@pytest.fixture
def tracker(line: tuple[Proxy, str]) -> Tracker:
    return open_tracker(line[1])


def empty_is_trusted(proxy: Proxy, kind: str) -> bool:
    """Whether a foreign ``{}`` cannot be told from MLflow's."""
    return bool(proxy.hidden) and kind == "an empty object"


def test_an_empty_object_to_all_calls_is_an_outage(
    line: tuple[Proxy, str], tracker: Tracker
) -> None:
    proxy, _ = line
    run = new_run(tracker)
    store: Any = tracker._store
    calls: list[Callable[[], Any]] = [
        lambda: list(tracker.find_runs(RunQuery(experiment_ids=[run.experiment_id]))),
        lambda: list(tracker.list_experiments()),
        lambda: list(tracker.find_models()),
        lambda: tracker.find_experiment("no such experiment"),
        lambda: store.metric_rows(run.id, ["m"]),
        lambda: tracker.list_files(run.id),
    ]
    proxy.rule = lambda path, content: FOREIGN["an empty object"]
    for call in calls:
        with pytest.raises(Unavailable):
            call()
    proxy.rule = always_pass
    assert calls[0]() == [tracker.get_run(run.id)]
    assert calls[-1]() == []


def test_each_call_of_mlflows_store_knows_its_own_answers(
    line: tuple[Proxy, str], tracker: Tracker, tmp_path: Path
) -> None:
    proxy, _ = line
    calls = Calls(tracker, tmp_path / "file.txt")
    store: Any = tracker._store
    assert believed(proxy, calls.looked_at, FOREIGN) == []
    foreign = {kind: FOREIGN[kind] for kind in FOREIGN if not empty_is_trusted(proxy, kind)}
    assert believed(proxy, calls.trusted, foreign) == []
    assert store.metric_rows(calls.run.id, ["m"]) == {"m": [(1000, 1, 1.5)]}
    assert tracker.list_files(calls.run.id) == ["file.txt", "logs/x"]
    # The first, and one of each call that was passed on, of which one was deleted.
    assert {str(each.version) for each in store_versions(tracker, calls.name)} == {"1", "3"}


def store_versions(tracker: Tracker, name: str) -> Any:
    from mlflow import MlflowClient

    uri = tracker.uri
    return MlflowClient(uri, uri).search_model_versions(f"name='{name}'")


def test_a_file_comes_whole_and_as_it_is_or_not_at_all(
    line: tuple[Proxy, str], tracker: Tracker, tmp_path: Path
) -> None:
    proxy, _ = line
    run = new_run(tracker)
    path, got = tmp_path / "file.txt", tmp_path / "got"
    path.write_text("content")
    tracker.put_files(run.id, {"outputs/file.txt": path})
    half = Reply(b"cont", "text/plain", announced=7,
                 headers=(("Content-Disposition", "attachment; filename=file.txt"),))  # fmt: skip
    for kind, reply in {**FOREIGN, "half a file": half}.items():
        proxy.rule = only("mlflow-artifacts/artifacts/", reply)
        with pytest.raises(Unavailable):
            tracker.get_file(run.id, "outputs/file.txt", got)
        assert not got.exists(), kind
    proxy.rule = always_pass
    tracker.get_file(run.id, "outputs/file.txt", got)
    assert got.read_text() == "content"


class Parts:
    """A rule that plays an object storage, and a server that signs addresses there for parts.

    ``replies`` has other answers, by a part of the path.
    """

    def __init__(self, proxy: Proxy, uri: str) -> None:
        self.replies: dict[str, Any] = {}
        self.stored: dict[str, int] = {}
        with urllib.request.urlopen(f"{uri}/version") as answer:
            headers = answer.headers
        # The proxy adds a header Server of its own before the server's.
        self.signs = tuple((key, headers.get_all(key)[-1]) for key in SIGNS if headers[key])
        self._uri = uri
        proxy.rule = self

    def __call__(self, path: str, content: Any) -> Any:
        for part, reply in self.replies.items():
            if part in path:
                return reply
        if "/storage/" in path:
            self.stored[path] = self.stored.get(path, 0) + 1
            return Reply(b"", None, headers=(("ETag", '"etag"'),))
        if "mpu/create" in path:
            credentials = [
                {"url": f"{self._uri}/storage/{number}", "part_number": number + 1}
                for number in range(content["num_parts"])
            ]
            return Reply(json.dumps({"upload_id": "u", "credentials": credentials}).encode())
        if "mpu/" in path:
            return Reply(b"{}", headers=self.signs)
        return PASS


def test_a_file_that_is_sent_in_parts_is_stored_or_the_call_says_so(
    line: tuple[Proxy, str], tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The storage that the server names is another place where a proxy may answer."""
    proxy, uri = line
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "1")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", "4")
    run = new_run(tracker)
    path = tmp_path / "file"
    path.write_text("ten bytes.")
    parts = Parts(proxy, uri)

    def send() -> None:
        with tried_once():
            tracker.put_files(run.id, {"outputs/file": path}, replace=True)

    taken = []
    for place in ("mpu/create", "/storage/1", "mpu/complete"):
        for kind, reply in FOREIGN.items():
            if place == "/storage/1" and "page" not in kind and "moved" not in kind:
                continue  # a storage may answer anything to a part: the end of the upload checks it
            parts.replies = {place: reply}
            with contextlib.suppress(Unavailable):
                send()
                taken.append((place, kind))
    assert taken == []
    parts.replies = {}
    if proxy.hidden:  # the answer does not show who has sent it, and the file is not there
        with pytest.raises(Unavailable, match="is not there"):
            send()
        monkeypatch.delenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD")
        proxy.rule = always_pass
        send()
        monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
        proxy.rule = parts
    parts.stored.clear()
    send()
    assert len(parts.stored) == 3
    monkeypatch.setattr(ALLOWED_S, proxy.allowed_s)
    for place in ("mpu/create", "/storage/1", "mpu/complete"):
        parts.replies = {place: DRIPS["headers that never end"]}
        with pytest.raises(Unavailable, match="does not answer"):
            send()
        assert proxy.waited_out == 0
        parts.replies = {place: Reply(b"no room", "text/plain", 507)}
        with pytest.raises(Refused, match="HTTP 507"):
            send()


def test_a_file_from_a_storage_is_not_a_page_of_a_proxy(
    line: tuple[Proxy, str], tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, uri = line
    run = new_run(tracker)
    names = ("outputs/file", "outputs/report.html")
    path, got = tmp_path / "file", tmp_path / "got"
    path.write_text("content")
    tracker.put_files(run.id, dict.fromkeys(names, path))
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "true")
    page = Reply(b"<title>Please log in</title>", "text/html; charset=utf-8")
    signed = Reply(json.dumps({"url": f"{uri}/storage/file"}).encode())
    proxy.rule = lambda path, content: (
        signed if "/presigned/" in path else page if "/storage/" in path else PASS
    )
    with pytest.raises(Unavailable), tried_once():
        tracker.get_file(run.id, names[0], got)
    assert not got.exists()
    tracker.get_file(run.id, names[1], got)  # its own type is that of a page
    assert got.read_bytes() == page.body


def test_the_agent_knows_its_own_answers(line: tuple[Proxy, str], tmp_path: Path) -> None:
    proxy, uri = line
    tracker, keeper = open_tracker(uri), open_keeper(uri)
    run = new_run(tracker, tags={"gone": "1"})
    path = tmp_path / "log.txt"
    path.write_text("content")
    numbers = itertools.count()
    calls: dict[str, Callable[[], Any]] = {
        "runs/get": lambda: keeper.get_run(run.id),
        "runs/log-batch": lambda: keeper.update_run(
            run.id, RunChange(tags={"t": f"v{next(numbers)}"})
        ),
        "runs/delete-tag": lambda: keeper.update_run(run.id, RunChange(tags_removed=["gone"])),
        "runs/update": lambda: keeper.update_run(run.id, RunChange(status=Status.FAILED)),
        "mlflow-artifacts": lambda: put(keeper, run, path, next(numbers)),
    }
    assert believed(proxy, calls, FOREIGN) == []
    last = next(numbers) - 1
    found = tracker.get_run(run.id)
    assert (found.status, found.tags.get("gone")) == (Status.FAILED, None)
    tracker.get_file(run.id, "log.txt", tmp_path / "got")
    assert (tmp_path / "got").read_text() == f"content {last}"


def put(keeper: RunKeeper, run: RunRecord, path: Path, number: int) -> None:
    path.write_text(f"content {number}")
    keeper.put_files(run.id, {"log.txt": path}, replace=True)


def test_what_was_sent_is_found_behind_what_others_sent_later(
    line: tuple[Proxy, str], tracker: Tracker
) -> None:
    """A look does not take an older or another writer's point for the one that was sent."""
    proxy, _ = line
    store: Any = tracker._store
    run = new_run(tracker)
    store.log_batch(run.id, metrics=[MetricPoint("m", 9.0, 9000, 9)])
    proxy.rule = only("runs/log-batch", FOREIGN["an empty object"])
    with pytest.raises(Unavailable):
        store.log_batch(run.id, metrics=[MetricPoint("m", 1.0, 1000, 1)])
    proxy.rule = always_pass
    store.log_batch(run.id, metrics=[MetricPoint("m", 1.0, 1000, 1)])
    assert store.metric_rows(run.id, ["m"]) == {"m": [(1000, 1, 1.0), (9000, 9, 9.0)]}


@pytest.mark.parametrize(
    "kind",
    [
        *FOREIGN,
        "headers that never end",
        pytest.param("chunks that never end", marks=pytest.mark.long),
    ],
)
def test_what_was_logged_is_stored_once(
    server_uri: str, folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with start_proxy(server_uri) as (proxy, uri):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        monkeypatch.setattr(ALLOWED_S, proxy.allowed_s)
        experiment = Experiment(Workspace("s", "g", "w"), f"answers-{uuid.uuid4().hex[:8]}")
        run = experiment.start_logging(snapshot_directory=None, outputs=False)
        answered: dict[str, int] = {}

        def rule(path: str, content: Any) -> Any:
            call = path.partition("?")[0][:40]
            if "/runs/" not in path and "artifacts" not in path:
                return PASS
            answered[call] = answered.get(call, 0) + 1
            return {**FOREIGN, **DRIPS}[kind] if answered[call] <= 2 else PASS

        proxy.rule = rule
        (folder / "file.txt").write_text("content")
        for number in range(50):
            run.log("m", f"text {number}" if number % 5 == 0 else number)
        run.tag("tag", "value")
        run.log_image("image", path="file.txt")
        run.complete()
        proxy.rule = always_pass
        assert len(proxy.calls) >= 4
        assert logging_processes.read_stored(server_uri, run.id) == list(range(50))
        assert run.get_status() == "Completed"
        assert run.get_tags()["tag"] == "value"
        assert run.get_metrics("image", populate=True) == {"image": b"content"}


def test_an_opening_that_is_answered_by_something_else(server_uri: str) -> None:
    with start_proxy(server_uri) as (proxy, uri):
        for reply in FOREIGN.values():
            proxy.rule = only("/version", reply)
            with pytest.raises(Unavailable, match=r"does not answer|redirects|No MLflow server"):
                open_tracker(uri)


def test_points_are_written_through_a_server_without_signs(server_uri: str) -> None:
    with start_proxy(server_uri) as (proxy, uri):
        proxy.hidden = SIGNS
        tracker = open_tracker(uri)
        run = new_run(tracker)
        points = [
            Point(name="m", value=number, order=number, time=NOW, writer=writer)
            for writer in ("w", "other")
            for number in range(30)
        ]
        with tried_once():
            tracker.write_points(run.id, points[:30])
            tracker.write_points(run.id, points[30:])
        assert len(tracker.read_points(run.id)) == 60
