"""What a process that has died leaves is sent by another, once; its runs are NotResponding."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from amlflow.journal.folder import dead_folders, process_folders, tracker_folder
from amlflow.journal.recovery import Recovered, failure, recover, refused, waiting
from amlflow.journal.segments import segments_in
from amlflow.journal.settings import Settings
from amlflow.layers.journaled import Journaled
from amlflow.spec import Kind, Refused, RunChange, RunQuery, RunRecord, Unavailable
from amlflow.testing.memory import MemoryTracker
from moody import URI, Moody, point, started, until


def away(name: str, *_: object) -> BaseException:
    return Unavailable("It is away.")


@pytest.fixture
def place(settings: Settings) -> Path:
    return tracker_folder(settings.folder, URI)


def die(journaled: Journaled) -> None:
    """Leave the journal as a process does that is killed."""
    sender = journaled.journal.sender()
    if journaled.journal._recovery is not None:
        journaled.journal._recovery.join()  # or it would find what is left here
    sender.stop(5)
    sender.folder.release()
    journaled.journal.started = None


@pytest.fixture
def left(opened: Callable[..., Journaled], moody: Moody) -> RunRecord:
    """A run whose process has died while the tracker was away."""
    journaled = opened()
    run = started(journaled)
    moody.error = away
    for value in range(100):
        journaled.write_points(run.id, [point(value)])
    journaled.write_points(run.id, [point({"x": 1}, "row", kind=Kind.ROW)])
    die(journaled)
    moody.error = lambda name, *_: None
    return run


def values(memory: MemoryTracker, run: RunRecord) -> list[object]:
    return [each.value for each in memory.read_points(run.id, ["m"])]


def test_the_next_process_sends_it(
    opened: Callable[..., Journaled], left: RunRecord, memory: MemoryTracker, place: Path
) -> None:
    started(opened())
    until(lambda: memory.get_run(left.id).status == "NotResponding")
    assert values(memory, left) == list(range(100))
    until(lambda: len(process_folders(place)) == 1)


def test_whoever_reads_the_run_sends_it_first(
    opened: Callable[..., Journaled], left: RunRecord
) -> None:
    assert len(opened().read_points(left.id)) == 101


def test_it_is_not_responding_before_anybody_has_sent_it(
    opened: Callable[..., Journaled], left: RunRecord, memory: MemoryTracker
) -> None:
    journaled = opened()
    assert memory.get_run(left.id).status == "Running"
    assert journaled.get_run(left.id).status == "NotResponding"
    [found] = journaled.find_runs(RunQuery())
    assert found.status == "NotResponding"


def test_a_process_that_only_looks_sends_it_too(
    opened: Callable[..., Journaled], left: RunRecord, memory: MemoryTracker, place: Path
) -> None:
    journaled = opened()
    assert journaled.get_run(left.id).status == "NotResponding"
    journaled.journal.close()  # as at the end of a command
    assert values(memory, left) == list(range(100))
    assert memory.get_run(left.id).status == "NotResponding"
    assert process_folders(place) == []


def test_it_is_ended_if_that_is_wished(left: RunRecord, memory: MemoryTracker, place: Path) -> None:
    done = recover(place, lambda: memory, close=failure("It has died."))
    assert (done.sent, done.closed, done.not_responding) == (101, [left.id], [])
    record = memory.get_run(left.id)
    assert record.status == "Failed"
    assert json.loads(record.system["error"])["error"]["message"] == "It has died."
    assert process_folders(place) == []


def test_a_run_that_has_ended_stays_as_it_is(
    left: RunRecord, memory: MemoryTracker, place: Path
) -> None:
    memory.update_run(left.id, RunChange(status="Canceled"))
    assert recover(place, lambda: memory).not_responding == []
    assert memory.get_run(left.id).status == "Canceled"
    assert values(memory, left) == list(range(100))


def test_what_waits_is_listed(
    opened: Callable[..., Journaled], left: RunRecord, place: Path
) -> None:
    [entry] = waiting(place)
    assert (entry["run_id"], entry["waiting"], entry["alive"]) == (left.id, 101, False)
    assert entry["since"].startswith("2026-01-02T")
    run = started(opened())
    assert [each["alive"] for each in waiting(place) if each["run_id"] == run.id] == [True]


def test_a_tracker_that_is_away_again_loses_nothing(
    left: RunRecord, moody: Moody, memory: MemoryTracker, place: Path
) -> None:
    moody.error = away
    with pytest.raises(Unavailable):
        recover(place, lambda: moody)
    assert [each["waiting"] for each in waiting(place)] == [101]
    moody.error = lambda name, *_: None
    assert recover(place, lambda: moody).sent == 101
    assert values(memory, left) == list(range(100))


def test_one_of_many_sends_it(
    left: RunRecord, moody: Moody, memory: MemoryTracker, place: Path
) -> None:
    outcomes: list[Recovered] = []
    barrier = threading.Barrier(8)

    def slowly(name: str, *_: object) -> None:
        if name == "write_points":
            time.sleep(0.2)  # so that all are at it at once

    moody.error = slowly

    def go() -> None:
        barrier.wait()
        outcomes.append(recover(place, lambda: moody))

    threads = [threading.Thread(target=go) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not sum(each.sent for each in outcomes):  # each looked while another looked
        outcomes.append(recover(place, lambda: moody))
    assert sum(each.sent for each in outcomes) == 101
    assert moody.calls.count("write_points") == 1
    assert values(memory, left) == list(range(100))


def test_a_torn_record_is_left_out(left: RunRecord, memory: MemoryTracker, place: Path) -> None:
    [folder] = process_folders(place)
    [path] = segments_in(folder.path)
    content = path.read_bytes().rstrip(b"\0")
    path.write_bytes(content[:-20])
    done = recover(place, lambda: memory)
    assert (done.sent, done.torn) == (100, 0)
    assert values(memory, left) == list(range(100))


def test_what_is_refused_is_kept(
    left: RunRecord, moody: Moody, memory: MemoryTracker, place: Path
) -> None:
    def refuse(name: str, *arguments: object) -> BaseException | None:
        if name == "write_points" and any(each.value == 7 for each in arguments[1]):  # type: ignore[attr-defined]
            return Refused("No 7.")
        return None

    moody.error = refuse
    done = recover(place, lambda: moody)
    assert (done.sent, done.refused) == (100, 1)
    assert values(memory, left) == [value for value in range(100) if value != 7]
    [entry] = refused(place)
    assert (entry["run_id"], entry["why"]) == (left.id, "No 7.")


def test_a_live_process_is_left_alone(journaled: Journaled, run: RunRecord, place: Path) -> None:
    journaled.write_points(run.id, [point()])
    assert dead_folders(place) == []
    assert recover(place, lambda: MemoryTracker()).sent == 0


def test_nothing_of_a_password_is_in_a_name(settings: Settings) -> None:
    one = tracker_folder(settings.folder, "https://user:secret@example.com/x")
    assert one == tracker_folder(settings.folder, "https://example.com/x")
    assert one != tracker_folder(settings.folder, "https://example.com/y")
