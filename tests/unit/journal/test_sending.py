"""The journal of a tracker that is away or slow: order, sending only once, and what callers see."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import logging
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from amlflow.exceptions import (
    ServiceException,
)
from amlflow.journal import sender
from amlflow.journal.segments import JournalFull
from amlflow.journal.sender import BATCH_WINDOW_S
from amlflow.layers import journaled as layer
from amlflow.layers.journaled import Journaled
from amlflow.spec import (
    FileNotInRun,
    Kind,
    RunChange,
    RunQuery,
    RunRecord,
    Unavailable,
)
from amlflow.testing.memory import MemoryTracker
from helpers.flaky_tracker import (
    MAX_STALL_S,
    MAX_WAIT_S,
    Moody,
    away,
    point,
    start_run,
    until,
    values,
)


def test_what_is_logged_arrives_within_a_second(
    journaled: Journaled, run: RunRecord, memory: MemoryTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "BATCH_WINDOW_S", BATCH_WINDOW_S)
    waits: list[float] = []
    while not waits or (min(waits) >= 1 and len(waits) < 5):  # on a busy machine some take longer
        begun = time.monotonic()
        journaled.write_points(run.id, [point(1.5)])
        until(lambda: len(values(memory, run)) == len(waits) + 1)
        waits.append(time.monotonic() - begun)
    assert min(waits) < 1, waits


def test_this_process_reads_what_it_has_logged(journaled: Journaled, run: RunRecord) -> None:
    for value in range(100):
        journaled.write_points(run.id, [point(value)])
        if value % 30 == 0:
            assert len(journaled.read_points(run.id)) == value + 1
    assert [each.value for each in journaled.read_points(run.id)] == list(range(100))


def test_points_of_a_run_go_together(
    journaled: Journaled, run: RunRecord, moody: Moody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "BATCH_WINDOW_S", BATCH_WINDOW_S)
    for value in range(3000):
        journaled.write_points(run.id, [point(value)])
    journaled.flush(run.id)
    assert moody.calls.count("write_points") < 10


def test_nothing_overtakes_points_that_were_logged_before(
    journaled: Journaled, run: RunRecord, moody: Moody, memory: MemoryTracker
) -> None:
    seen = []

    def look(name: str, *arguments: object) -> None:
        if name == "update_run":
            change = dataclasses.replace(arguments[1], tags_removed=())  # type: ignore[type-var]
            seen.append((change, len(memory.read_points(run.id))))

    moody.error = look
    for count, change in enumerate(
        [
            RunChange(tags={"a": "b"}),
            RunChange(properties={"p": "q"}),
            RunChange(description="text"),
            RunChange(system={"note": "x"}),
            RunChange(status="Completed"),
        ]
    ):
        journaled.write_points(run.id, [point()])
        journaled.update_run(run.id, change)
        assert seen[-1] == (change, count + 1)
        assert memory.get_run(run.id) == journaled.get_run(run.id)


def test_an_answer_that_is_lost_is_asked_for_again_and_nothing_is_twice(
    journaled: Journaled, run: RunRecord, moody: Moody, memory: MemoryTracker
) -> None:
    lost = []

    def lose(name: str, *_: object) -> BaseException | None:
        if len(lost) < 5 and name in ("write_points", "update_run"):
            lost.append(name)
            return Unavailable("The answer was cut off.")
        return None

    moody.answer_lost = lose
    for value in range(50):
        journaled.write_points(run.id, [point(value)])
        journaled.write_points(run.id, [point([value, "text"], "list", kind=Kind.LIST)])
    journaled.update_run(run.id, RunChange(status="Completed"))
    assert len(lost) == 5
    assert values(memory, run) == list(range(50))
    assert values(memory, run, "list") == [[value, "text"] for value in range(50)]


def test_an_outage_stalls_nobody_and_is_said_once(
    journaled: Journaled,
    run: RunRecord,
    moody: Moody,
    memory: MemoryTracker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    journaled.write_points(run.id, [point(0)])
    journaled.flush()
    moody.error = away
    slowest = 0.0
    for value in range(1, 400):
        begun = time.monotonic()
        journaled.write_points(run.id, [point(value)])
        if value % 100 == 0:
            journaled.update_run(run.id, RunChange(tags={"epoch": str(value)}))
        slowest = max(slowest, time.monotonic() - begun)
        if value == 200:
            until(lambda: moody.calls.count("write_points") > 3)
    assert slowest < MAX_STALL_S
    moody.error = lambda name, *_: None
    journaled.flush(run.id)
    assert values(memory, run) == list(range(400))
    assert memory.get_run(run.id).tags == {"epoch": "300"}
    said = [each.message for each in caplog.records if each.levelno >= logging.WARNING]
    assert len(said) == 2, said
    assert "It is away." in said[0]
    assert "is back" in said[1]


def test_tries_become_seldom_and_a_retry_after_is_honoured(
    journaled: Journaled, run: RunRecord, moody: Moody
) -> None:
    asked = []

    def busy(name: str, *_: object) -> BaseException | None:
        if name == "write_points" and len(asked) < 2:
            asked.append(time.monotonic())
            return Unavailable("Too many calls.", retry_after=0.1)
        return None

    moody.error = busy
    journaled.write_points(run.id, [point()])
    journaled.flush()
    times = [
        at for name, at in zip(moody.calls, moody.times, strict=True) if name == "write_points"
    ]
    assert len(times) == 3
    assert all(later - earlier >= 0.1 for earlier, later in itertools.pairwise(times))


def test_an_end_that_does_not_get_there_is_said_and_comes_later(
    opened: Callable[..., Journaled],
    moody: Moody,
    memory: MemoryTracker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(layer, "MIN_WAIT_S", 0.1)
    journaled = opened(flush_seconds=0.1)
    run = start_run(journaled)
    moody.error = away
    journaled.write_points(run.id, [point(1)])
    with pytest.raises(Unavailable, match=r"2 records.*amlflow sync"):
        journaled.update_run(run.id, RunChange(status="Completed"))
    moody.error = lambda name, *_: None
    until(lambda: memory.get_run(run.id).status == "Completed")
    assert values(memory, run) == [1]


def test_an_end_that_comes_late_does_not_replace_another(
    opened: Callable[..., Journaled],
    moody: Moody,
    memory: MemoryTracker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(layer, "MIN_WAIT_S", 0.1)
    journaled = opened(flush_seconds=0.1)
    run = start_run(journaled)
    moody.error = away
    with pytest.raises(Unavailable):
        journaled.update_run(run.id, RunChange(status="Completed"))
    memory.update_run(run.id, RunChange(status="Canceled"))
    moody.error = lambda name, *_: None
    journaled.flush(seconds=MAX_WAIT_S)
    assert memory.get_run(run.id).status == "Canceled"


# --- what a call has returned for -----------------------------------------------------------------


@pytest.mark.parametrize("reading", ["get_run", "its own id", "find_runs", "another thread ends"])
def test_a_read_follows_what_any_thread_was_promised(
    journaled: Journaled, moody: Moody, reading: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that has returned, but has not arrived, is waited for by every read."""
    monkeypatch.setattr(layer, "RETRY_LIMIT_S", 0.05)
    run = start_run(journaled, run_id="mine")
    first, second, go = threading.Event(), threading.Event(), threading.Event()

    def held(name: str, *arguments: object) -> None:
        if name == "update_run" and "first" in arguments[1].tags:  # type: ignore[attr-defined]
            first.set()
            second.wait(60)
        if name == "update_run" and "second" in arguments[1].tags:  # type: ignore[attr-defined]
            go.wait(60)

    moody.error = held

    def change(key: str) -> None:
        journaled.update_run(run.id, RunChange(tags={key: key}))

    threads = [threading.Thread(target=change, args=(key,)) for key in ("first", "second")]
    threads[0].start()
    first.wait(60)
    threads[1].start()  # it is journaled after the first, whose end comes after that
    until(lambda: journaled.journal.sender().written == 2)
    second.set()
    for thread in threads:
        thread.join(60)
    found = []

    def read() -> None:
        if reading == "get_run":
            found.append(journaled.get_run(run.id).tags)
        elif reading == "its own id":
            found.append(journaled.get_run("mine", run.experiment_id).tags)
        elif reading == "find_runs":
            found.extend(each.tags for each in journaled.find_runs(RunQuery()))
        else:
            journaled.update_run(run.id, RunChange(status="Completed"))
            found.append(journaled.get_run(run.id).tags)

    reader = threading.Thread(target=read)
    reader.start()
    reader.join(0.1)
    assert found == []
    go.set()
    reader.join(60)
    assert found == [{"first": "first", "second": "second"}]


def test_files_are_in_the_tracker_in_the_order_of_the_calls(
    journaled: Journaled, run: RunRecord, moody: Moody, memory: MemoryTracker, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    moody.error = lambda name, *_: away(name) if name in ("put_files", "write_points") else None
    for text in ("first", "second"):
        source.write_text(text)
        journaled.put_files(run.id, {"a/b": source}, replace=True)
    source.write_text("not logged")
    moody.error = lambda name, *_: None
    until(lambda: not journaled.away)  # a try that began before fails once more
    assert journaled.list_files(run.id) == ["a/b"]
    journaled.get_file(run.id, "a/b", tmp_path / "back")
    assert (tmp_path / "back").read_text() == "second"
    with pytest.raises(FileNotInRun):
        journaled.get_file(run.id, "c", tmp_path / "back")
    # Nothing of these runs stays on this machine.
    assert list(tmp_path.rglob("files/*")) == []


def test_many_threads_at_one_run(
    journaled: Journaled, run: RunRecord, memory: MemoryTracker, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(functools.partial(sys.setswitchinterval, sys.getswitchinterval()))
    sys.setswitchinterval(1e-6)

    def log(me: int) -> None:
        for value in range(50):
            journaled.write_points(run.id, [point(value, f"thread {me}")])

    threads = [threading.Thread(target=log, args=(me,)) for me in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journaled.flush(run.id)
    for me in range(64):
        assert values(memory, run, f"thread {me}") == list(range(50))


def test_a_first_tag_stalls_nobody_either(
    journaled: Journaled, run: RunRecord, moody: Moody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layer, "RETRY_LIMIT_S", 0.05)
    answer = threading.Event()
    moody.error = lambda name, *_: (answer.wait(60), None)[1] if name == "update_run" else None
    begun = time.monotonic()
    journaled.update_run(run.id, RunChange(tags={"a": "b"}))
    assert time.monotonic() - begun < MAX_STALL_S
    answer.set()
    assert journaled.get_run(run.id).tags == {"a": "b"}


def test_large_files_wait_for_a_tracker_that_is_away(
    journaled: Journaled,
    run: RunRecord,
    moody: Moody,
    memory: MemoryTracker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(layer, "MAX_FILE_BYTES", 10)
    source = tmp_path / "source"

    def put(text: str) -> None:
        source.write_text(text)
        journaled.put_files(run.id, {"a/b": source}, replace=True)

    put("the first one")
    assert memory.list_files(run.id) == ["a/b"]  # when the call returns
    moody.error = away
    put("small")
    put("the second one")
    with pytest.raises(Unavailable):
        journaled.put_files(run.id, {"new": source})
    moody.error = lambda name, *_: None
    until(lambda: not journaled.away)
    journaled.get_file(run.id, "a/b", tmp_path / "back")
    assert (tmp_path / "back").read_text() == "the second one"


def test_without_a_place_for_the_journal_no_run_starts(
    opened: Callable[..., Journaled], memory: MemoryTracker, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    journaled = opened(folder=tmp_path / "file")
    with pytest.raises(ServiceException, match="AMLFLOW_JOURNAL_FOLDER"):
        start_run(journaled)
    assert memory._runs == {}


def test_an_end_waits_for_what_other_processes_have_logged(
    opened: Callable[..., Journaled], moody: Moody, memory: MemoryTracker
) -> None:
    first, other = opened(), opened()
    run = start_run(first)
    other.journal.sender()
    begun, goes_on = threading.Event(), threading.Event()

    def slowly(name: str, *arguments: object) -> None:
        if name == "write_points" and not goes_on.is_set():
            begun.set()
            goes_on.wait(60)

    moody.error = slowly
    other.write_points(run.id, [point(1)])
    begun.wait(60)
    ending = threading.Thread(target=first.update_run, args=(run.id, RunChange(status="Completed")))
    ending.start()
    ending.join(0.1)
    assert memory.get_run(run.id).status == "Running"
    goes_on.set()
    ending.join(60)
    assert memory.get_run(run.id).status == "Completed"
    assert values(memory, run) == [1]


def test_an_end_says_what_it_did_not_wait_for(
    opened: Callable[..., Journaled],
    moody: Moody,
    memory: MemoryTracker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, other = opened(flush_seconds=0.1), opened(exit_seconds=0)
    run = start_run(first)
    other.journal.sender().stop(MAX_WAIT_S)  # acts as a process that was stopped
    other.write_points(run.id, [point(1)])
    first.update_run(run.id, RunChange(status="Completed"))
    assert memory.get_run(run.id).status == "Completed"
    assert "is not in the tracker yet" in caplog.text


def test_nothing_is_taken_and_lost_when_the_process_ends(
    journaled: Journaled, run: RunRecord, memory: MemoryTracker
) -> None:
    kept, refused = [], []

    def log() -> None:
        for value in itertools.count():
            try:
                journaled.write_points(run.id, [point(value)])
            except JournalFull as error:
                refused.append(error)
                return
            kept.append(value)
            time.sleep(0.0001)

    thread = threading.Thread(target=log)
    thread.start()
    until(lambda: kept)
    journaled.journal.close()
    thread.join(60)
    assert len(refused) == 1
    assert values(memory, run) == kept


def test_an_interrupted_end_says_what_waits(
    journaled: Journaled,
    run: RunRecord,
    moody: Moody,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moody.error = away
    journaled.write_points(run.id, [point(1)])

    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(journaled.journal.sender(), "wait", interrupted)
    journaled.journal.close()
    assert "1 record has not reached the tracker; it waits in" in caplog.text
