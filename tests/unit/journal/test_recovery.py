"""After a process has died, another one sends its records once; its runs are NotResponding."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from amlflow.exceptions import AuthenticationException, ServiceException
from amlflow.journal.folder import dead_folders, process_folders, tracker_folder
from amlflow.journal.record import line
from amlflow.journal.recovery import (
    Recovered,
    count_left,
    failure,
    read_refused,
    recover,
    waiting,
)
from amlflow.journal.segment_files import segment_path, segments_in
from amlflow.journal.settings import JournalSettings
from amlflow.layers import journaled as layer
from amlflow.layers.journaled import Journaled
from amlflow.spec import RunChange, RunQuery, RunRecord, Unavailable
from amlflow.testing.memory import MemoryTracker
from helpers.flaky_tracker import Moody, away, die, point, start_run, until, values


def test_the_next_process_sends_it(
    opened: Callable[..., Journaled], left: RunRecord, memory: MemoryTracker, place: Path
) -> None:
    start_run(opened())
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


def test_what_is_not_responding_already_can_be_ended_still(
    left: RunRecord, memory: MemoryTracker, place: Path
) -> None:
    assert recover(place, lambda: memory).not_responding == [left.id]
    assert process_folders(place) == []
    close = failure("It died.")
    assert recover(place, lambda: memory, close=close).closed == [left.id]
    assert memory.get_run(left.id).status == "Failed"
    assert recover(place, lambda: memory, close=close).closed == []


def test_what_has_ended_meanwhile_stays_so(
    left: RunRecord, memory: MemoryTracker, place: Path
) -> None:
    recover(place, lambda: memory)
    memory.update_run(left.id, RunChange(status="Completed"))
    assert recover(place, lambda: memory, close=failure("It died.")).closed == []
    assert memory.get_run(left.id).status == "Completed"


@pytest.mark.parametrize("end", ["Completed", "Failed", "Canceled"])
@pytest.mark.parametrize("meanwhile", ["Completed", "Failed", "Canceled"])
def test_an_end_that_is_sent_late_replaces_none_but_completed_by_failed(
    opened: Callable[..., Journaled],
    moody: Moody,
    memory: MemoryTracker,
    place: Path,
    end: str,
    meanwhile: str,
) -> None:
    journaled = opened(offline=True, flush_seconds=0.2)
    run = start_run(journaled)
    moody.error = away
    journaled.update_run(run.id, RunChange(status=end, system={"by": "the dead"}))
    die(journaled)
    memory.update_run(run.id, RunChange(status=meanwhile))
    recover(place, lambda: memory)
    found = memory.get_run(run.id)
    is_later = (meanwhile, end) == ("Completed", "Failed")
    assert (found.status, "by" in found.system) == (end if is_later else meanwhile, is_later)


def test_it_stays_not_responding_while_somebody_sends_it(
    opened: Callable[..., Journaled], left: RunRecord, moody: Moody, place: Path
) -> None:
    moody.error = away
    journaled = opened()
    [folder] = process_folders(place)
    assert journaled.journal.dead_runs() == {left.id}
    assert journaled.journal._recovery is not None
    journaled.journal._recovery.join()
    assert folder.take()
    assert journaled.journal.dead_runs() == {left.id}
    folder.remove()
    assert journaled.journal.dead_runs() == set()


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
    run = start_run(opened())
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
            time.sleep(0.2)  # so that all of them begin at once

    moody.error = slowly

    def go() -> None:
        barrier.wait()
        outcomes.append(recover(place, lambda: moody))

    threads = [threading.Thread(target=go) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not sum(each.sent for each in outcomes):  # each has looked while another one looked
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


def test_a_plugin_that_cannot_import_what_it_needs_loses_nothing(
    left: RunRecord, moody: Moody, memory: MemoryTracker, place: Path
) -> None:
    def break_import(name: str, *_: object) -> BaseException | None:
        return ModuleNotFoundError("No module named 'numpy'") if name == "write_points" else None

    moody.error = break_import
    with pytest.raises(Unavailable, match="cannot import what it needs: No module named 'numpy'"):
        recover(place, lambda: moody)
    assert list(read_refused(place)) == []
    moody.error = lambda *_: None
    recover(place, lambda: moody)
    assert values(memory, left) == list(range(100))


def test_a_live_process_is_left_alone(journaled: Journaled, run: RunRecord, place: Path) -> None:
    journaled.write_points(run.id, [point()])
    assert dead_folders(place) == []
    assert recover(place, lambda: MemoryTracker()).sent == 0


def test_nothing_of_a_password_is_in_a_name(settings: JournalSettings) -> None:
    one = tracker_folder(settings.folder, "https://user:secret@example.com/x")
    assert one == tracker_folder(settings.folder, "https://example.com/x")
    assert one != tracker_folder(settings.folder, "https://example.com/y")


def test_a_file_that_was_sent_before_its_process_died_is_not_missed(
    opened: Callable[..., Journaled],
    moody: Moody,
    memory: MemoryTracker,
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    journaled = opened(exit_seconds=0)
    run = start_run(journaled)
    sender = journaled.journal.sender()
    over = threading.Event()
    monkeypatch.setattr(sender.folder, "note_sent", lambda *_: over.wait(60))  # killed there
    (tmp_path / "file").write_text("content")
    journaled.put_files(run.id, {"file": tmp_path / "file"}, replace=True)
    journaled.write_points(run.id, [point(1)])
    until(lambda: values(memory, run) == [1])
    sender.folder.release()
    done = recover(place, lambda: memory)
    over.set()
    assert (done.sent, done.refused) == (2, 0)
    assert memory.list_files(run.id) == ["file"]


def test_who_only_looks_keeps_nobody_from_sending_it(
    left: RunRecord, memory: MemoryTracker, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [folder] = process_folders(place)
    with (folder.path / "lock").open("r+") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        clock = SimpleNamespace(
            monotonic=lambda: 0.0, sleep=lambda _: fcntl.flock(looking, fcntl.LOCK_UN)
        )
        monkeypatch.setattr("amlflow.file_lock.time", clock)
        assert folder.take()
    folder.release()


def test_what_the_tracker_forbids_keeps_nothing_else_from_it(
    opened: Callable[..., Journaled], moody: Moody, memory: MemoryTracker, place: Path
) -> None:
    journals = [opened(), opened()]
    runs = [start_run(each) for each in journals]
    for forbidden in range(2):
        moody.error = away
        for journaled, run in zip(journals, runs, strict=True):
            journaled.write_points(run.id, [point()])
        for journaled in journals:
            die(journaled)
        moody.error = lambda name, *arguments, run=runs[forbidden]: (
            AuthenticationException("You may not.") if run.id in arguments else None
        )
        with pytest.raises(AuthenticationException, match="You may not"):
            recover(place, lambda: moody)
        assert [len(memory.read_points(run.id)) for run in runs] == [
            forbidden + (place != forbidden) for place in range(2)
        ]
        moody.error = lambda name, *_: None
        recover(place, lambda: moody)


def test_another_users_journal_is_left_alone(
    left: RunRecord, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = os.open

    def refuse(path: Any, *arguments: Any, **more: Any) -> int:
        if str(path).startswith(str(place)):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opening(path, *arguments, **more)

    monkeypatch.setattr(os, "open", refuse)
    assert dead_folders(place) == []


def test_one_address_is_one_tracker(settings: JournalSettings) -> None:
    one = tracker_folder(settings.folder, "http://localhost:5000")
    assert one == tracker_folder(settings.folder, "http://localhost:5000/")


def test_an_end_that_was_left_does_not_replace_another(
    opened: Callable[..., Journaled],
    moody: Moody,
    memory: MemoryTracker,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(layer, "MIN_WAIT_S", 0.1)
    journaled = opened(flush_seconds=0.1)
    run = start_run(journaled)
    moody.error = away
    with pytest.raises(Unavailable):
        journaled.update_run(run.id, RunChange(status="Completed"))
    die(journaled)
    memory.update_run(run.id, RunChange(status="Canceled"))
    recover(place, lambda: memory)
    assert memory.get_run(run.id).status == "Canceled"


def test_a_folder_whose_records_cannot_be_read_keeps_no_other_from_being_sent(
    opened: Callable[..., Journaled],
    left: RunRecord,
    moody: Moody,
    memory: MemoryTracker,
    place: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    [damaged] = process_folders(place)
    journaled = opened()
    moody.error = away
    other = start_run(memory)
    journaled.write_points(other.id, [point(7.0)])
    die(journaled)
    moody.error = lambda name, *_: None
    [segment] = segments_in(damaged.path)
    segment.rename(damaged.path / "aside")
    segment.mkdir()
    assert count_left(place) == 1
    assert [entry["waiting"] for entry in waiting(place)] in ([0, 1], [1, 0])
    done = Recovered()
    with pytest.raises(ServiceException, match=f"{damaged.path.name} cannot be sent.*IsADirectory"):
        recover(place, lambda: memory, counts=done)
    assert (done.sent, values(memory, other)) == (1, [7.0])
    assert [folder.path for folder in process_folders(place)] == [damaged.path]
    assert str(damaged.path) in caplog.text
    # When it has been repaired, it is sent, too.
    segment.rmdir()
    (damaged.path / "aside").rename(segment)
    recover(place, lambda: memory)
    assert values(memory, left) == list(range(100))
    assert process_folders(place) == []


@pytest.mark.parametrize("name", ["notes.log", "x.log"])
def test_a_foreign_file_among_the_records_is_left_out(
    left: RunRecord, memory: MemoryTracker, place: Path, name: str
) -> None:
    [folder] = process_folders(place)
    (folder.path / name).write_text("not a record\n")
    recover(place, lambda: memory)
    assert values(memory, left) == list(range(100))


def test_a_line_that_has_a_checksum_and_no_record_is_left_out(
    left: RunRecord, memory: MemoryTracker, place: Path
) -> None:
    [folder] = process_folders(place)
    with segment_path(folder.path, 2).open("wb") as file:
        file.writelines(map(line, ["{}", "nothing", "[1"]))
    done = recover(place, lambda: memory)
    assert (done.torn, values(memory, left)) == (3, list(range(100)))
