"""A network and a tracker that misbehave: what calls had returned is in the tracker, once."""

from __future__ import annotations

import logging
import os
import random
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from amlflow.exceptions import ServiceException, UserErrorException
from helpers import logging_processes
from helpers.flaky_proxy import CUT_AFTER, CUT_BEFORE, DOUBLE, PASS, Proxy, always_pass, start_proxy


@pytest.fixture
def line(
    folder: Path, server_uri: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Proxy, str]]:
    """A proxy before the server, set as MLFLOW_TRACKING_URI."""
    with start_proxy(server_uri) as (proxy, uri):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        yield proxy, uri
        proxy.rule = always_pass


@pytest.fixture
def run(line: tuple[Proxy, str]) -> Run:
    experiment = Experiment(Workspace("s", "g", "w"), f"outage-{uuid.uuid4().hex[:8]}")
    return experiment.start_logging(snapshot_directory=None, outputs=False)


def is_write(path: str) -> bool:
    return path.startswith("/api/2.0/mlflow/runs/") or "artifacts" in path


def log(run: Run, number: int) -> None:
    run.log("m", f"text {number}" if number % 5 == 0 else number)


def everything_logged(run: Run, folder: Path, count: int, pause: float = 0.0) -> float:
    """Log values, texts, rows, tables, images and tags; how long the slowest call took."""
    (folder / "plot.png").write_bytes(b"png")
    calls: list[Callable[[int], Any]] = [
        lambda number: log(run, number),
        lambda number: run.log_row("row", number=number, text="t"),
        lambda number: run.log_list("list", [number, None]),
        lambda number: run.log_image(f"image {number}", path="plot.png"),
        lambda number: run.tag("number", number),
    ]
    slowest = 0.0
    for number in range(count):
        for place, call in enumerate(calls):
            if place and number % 100:
                continue
            before = time.monotonic()
            call(number)
            slowest = max(slowest, time.monotonic() - before)
        time.sleep(pause)
    return slowest


def check_everything(uri: str, run_id: str, count: int) -> None:
    hundreds = list(range(0, count, 100))
    assert logging_processes.read_stored(uri, run_id) == list(range(count))
    run = Run.get(workspace_of(uri), run_id)
    found = run.get_metrics()
    rows, lists = found["row"], found["list"]
    assert rows["number"] == hundreds if len(hundreds) > 1 else rows == {"number": 0, "text": "t"}
    assert lists == [each for number in hundreds for each in (number, None)]
    assert sum(name.startswith("image ") for name in found) == len(hundreds)
    assert run.get_metrics("image 0", populate=True) == {"image 0": b"png"}
    assert run.get_tags()["number"] == str(hundreds[-1])


def workspace_of(uri: str) -> Workspace:
    os.environ["MLFLOW_TRACKING_URI"] = uri
    return Workspace("s", "g", "w")


def test_calls_that_are_cut_delayed_doubled_and_refused_for_now(
    line: tuple[Proxy, str], run: Run, server_uri: str, folder: Path
) -> None:
    proxy, _ = line
    seed = int.from_bytes(os.urandom(2), "big")
    print(f"seed {seed}")
    chance = random.Random(seed)
    busy = {"Retry-After": "0.1"}
    actions = [
        CUT_BEFORE, CUT_AFTER, CUT_AFTER, DOUBLE, DOUBLE, 0.3, (500, {}), (429, busy), (503, busy),
        PASS, PASS, PASS, PASS,
    ]  # fmt: skip

    def rule(path: str, content: Any) -> Any:
        return chance.choice(actions) if "mlflow/runs/" in path else PASS

    proxy.rule = rule
    slowest = everything_logged(run, folder, 400, pause=0.003)
    assert slowest < 5
    run.complete()
    proxy.rule = always_pass
    assert len({str(action) for _, action in proxy.calls}) > 4
    assert run.get_status() == "Completed"
    check_everything(server_uri, run.id, 400)


def test_a_tracker_that_takes_five_seconds_for_an_answer(
    line: tuple[Proxy, str], run: Run, server_uri: str, folder: Path
) -> None:
    proxy, _ = line
    run.tag("warm", "up")
    slow = iter([5, 5])
    proxy.rule = lambda path, content: next(slow, PASS) if path.endswith("log-batch") else PASS
    assert everything_logged(run, folder, 201, pause=0.01) < 4
    run.complete()
    proxy.rule = always_pass
    check_everything(server_uri, run.id, 201)


def test_a_busy_tracker_is_left_alone_for_as_long_as_it_asks(
    line: tuple[Proxy, str], run: Run
) -> None:
    proxy, _ = line
    times: list[float] = []

    def rule(path: str, content: Any) -> Any:
        if not path.endswith("log-batch"):
            return PASS
        times.append(time.monotonic())
        return PASS if len(times) > 1 else (429, {"Retry-After": "1"})

    proxy.rule = rule
    log(run, 1)
    run.flush()
    assert times[1] - times[0] >= 1


def test_an_outage_is_said_once_and_what_needs_an_answer_raises(
    line: tuple[Proxy, str],
    run: Run,
    server_uri: str,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    proxy, uri = line
    log(run, 0)
    run.flush()
    proxy.rule = proxy.down
    assert everything_logged(run, folder, 301, pause=0.005) < 5
    with pytest.raises(ServiceException, match=r"does not answer|could not do this now"):
        run.get_status()
    with pytest.raises(ServiceException, match=r"records have not reached the tracker within 1 s"):
        run.flush(timeout_seconds=1)
    proxy.rule = always_pass
    run.complete()
    said = [each.message for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(said) == 2, said
    assert uri in said[0]
    assert "is back" in said[1]
    stored = logging_processes.read_stored(server_uri, run.id)
    assert stored == [0, *range(301)]


def test_a_value_that_the_tracker_does_not_take(
    line: tuple[Proxy, str], run: Run, server_uri: str
) -> None:
    proxy, _ = line

    def rule(path: str, content: Any) -> Any:
        if path.endswith("log-batch") and any(
            metric["value"] == 77 for metric in content.get("metrics", [])
        ):
            return 400, {}
        return PASS

    proxy.rule = rule
    for number in range(300):
        log(run, number)
    with pytest.raises(UserErrorException, match=r"1 of the records logged to run .*\.jsonl"):
        run.complete()
    assert run.get_status() == "Completed"
    assert logging_processes.read_stored(server_uri, run.id) == [n for n in range(300) if n != 77]


def test_another_process_sees_a_value_within_a_second(
    line: tuple[Proxy, str], run: Run, server_uri: str
) -> None:
    client = mlflow.MlflowClient(server_uri)
    waits = []
    for number in range(5):
        begun = time.monotonic()
        run.log("seen", float(number))
        while client.get_run(run.id).data.metrics.get("seen") != number:
            assert time.monotonic() - begun < 60
            time.sleep(0.02)
        waits.append(time.monotonic() - begun)
    assert min(waits) < 1, waits  # on a busy machine some take longer


def test_a_disk_that_is_full(
    line: tuple[Proxy, str], server_uri: str, tmp_path: Path, tmpfs: Path
) -> None:
    """The call that has no room raises, and all that returned before is in the tracker."""
    proxy, uri = line
    code = """
from amlflow.exceptions import ServiceException
run = begin()
log(run, 0)
run.flush()
print(run.id, flush=True)
sys.stdin.readline()
number = 1
try:
    while True:
        log(run, number)
        number += 1
except ServiceException as error:
    print(number, error.message, flush=True)
sys.stdin.readline()
run.flush()
log(run, number)
run.complete()
"""
    process = logging_processes.start(code, uri, AMLFLOW_JOURNAL_FOLDER=str(tmpfs))
    assert process.stdin is not None
    assert process.stdout is not None
    run_id = process.stdout.readline().strip()
    proxy.rule = proxy.down
    print(file=process.stdin, flush=True)
    number, _, message = process.stdout.readline().partition(" ")
    assert "No space left on device" in message
    assert str(tmpfs) in message
    assert int(number) > 5000
    proxy.rule = always_pass
    print(file=process.stdin, flush=True)
    logging_processes.wait_for_output(process)
    assert logging_processes.read_stored(server_uri, run_id) == list(range(int(number) + 1))


def test_a_server_that_is_away_at_the_start(
    line: tuple[Proxy, str], folder: Path, server_uri: str
) -> None:
    """Without AMLFLOW_OFFLINE an error; with it, the run is in the tracker later, under its id."""
    proxy, uri = line
    proxy.rule = proxy.down
    refused = logging_processes.start("begin()", uri)
    _, err = refused.communicate(timeout=60)
    assert refused.returncode == 1
    assert "No MLflow server answers at" in err
    name = f"offline-{uuid.uuid4().hex[:8]}"
    code = f"""
run = begin({name!r}, tags={{"a": "b"}})
for number in range(100):
    log(run, number)
Path("file.txt").write_text("content")
run.upload_file("outputs/file.txt", "file.txt")
child = run.child_run("child")
child.log_image("image", path="file.txt")
pid = os.fork()
if not pid:
    log(child, 1)
    child.tag("forked", "yes")
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
child.complete()
run.complete()
print(run.id, run.get_metrics()["m"][:3], run.get_status())
"""
    process = logging_processes.start(code, uri, AMLFLOW_OFFLINE="1", AMLFLOW_EXIT_SECONDS="0.5")
    out, err = logging_processes.wait_for_output(process)
    run_id = out.split()[0]
    assert "['text 0', 1, 2] Completed" in out
    assert "they wait in" in err
    proxy.rule = always_pass
    logging_processes.wait_for_output(logging_processes.sync(uri))
    experiment = Experiment(workspace_of(server_uri), name)
    [run] = experiment.get_runs()
    assert (run.id, run.status, run.tags) == (run_id, "Completed", {"a": "b"})
    assert logging_processes.read_stored(server_uri, run._record.id) == list(range(100))
    assert run.get_file_names() == ["outputs/file.txt"]
    [child] = run.get_children()
    assert (child.name, child.status, child.tags) == ("child", "Completed", {"forked": "yes"})
    assert child.get_metrics("image", populate=True) == {"image": b"content"}
    assert logging_processes.read_stored(server_uri, child._record.id) == [1]
