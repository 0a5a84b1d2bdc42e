"""A journal that is removed, replaced or cut off while a process uses it: nothing is lost."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from amlflow.exceptions import AuthenticationException, ServiceException, UserErrorException
from amlflow.journal import segments, sender
from amlflow.journal.folder import process_folders, tracker_folder
from amlflow.journal.recovery import recover
from amlflow.journal.segment_files import segments_in
from amlflow.journal.segments import JournalFull
from amlflow.journal.settings import JournalSettings
from amlflow.layers.journaled import Journaled
from amlflow.spec import RunChange
from amlflow.testing.memory import MemoryTracker
from helpers.flaky_tracker import URI, Moody, away, die, point, start_run, until
from helpers.removal import remove_at_once, replace_by_file

CALLS = 10_000


def remove_folder(folder: Path) -> None:
    remove_at_once(folder)


def remove_journals(folder: Path) -> None:
    remove_at_once(folder.parent.parent)


def cut_to_nothing(folder: Path) -> None:
    for path in segments_in(folder):
        os.truncate(path, 0)


def cut_in_the_middle(folder: Path) -> None:
    os.truncate(segments_in(folder)[-1], 5000)


def remove_a_segment(folder: Path) -> None:
    segments_in(folder)[-1].unlink()


def replace_a_segment(folder: Path) -> None:
    path = segments_in(folder)[-1]
    size = path.stat().st_size
    path.unlink()
    path.write_bytes(bytes(size))


def move_folder(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def remove_lock(folder: Path) -> None:
    (folder / "lock").unlink()


def remove_notes(folder: Path) -> None:
    remove_at_once(folder / "running")
    # The process may have noticed the first, and moved to another folder already.
    (folder / "process.json").unlink(missing_ok=True)


DAMAGES = [
    remove_folder, remove_journals, cut_to_nothing, cut_in_the_middle, remove_a_segment,
    replace_a_segment, replace_by_file, move_folder, remove_lock, remove_notes,
]  # fmt: skip


@pytest.fixture
def place(settings: JournalSettings) -> Path:
    return tracker_folder(settings.folder, URI)


def values(memory: MemoryTracker, run_id: str) -> list[object]:
    return [each.value for each in memory.read_points(run_id, ["m"])]


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.message for each in caplog.records if "while it was in use" in each.message]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
@pytest.mark.parametrize("tracker", ["there", "away"])
def test_what_was_acknowledged_is_delivered(
    journaled: Journaled,
    moody: Moody,
    memory: MemoryTracker,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
    tracker: str,
) -> None:
    run = start_run(journaled)
    if tracker == "away":
        moody.error = away
    for value in range(CALLS):
        journaled.write_points(run.id, [point(value)])
        if value == CALLS // 2:
            damage(journaled.journal.sender().folder.path)
    until(lambda: said(caplog))
    moody.error = lambda name, *_: None
    journaled.update_run(run.id, RunChange(status="Completed"))
    assert values(memory, run.id) == list(range(CALLS))
    assert len(said(caplog)) == 1


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.__name__)
def test_it_is_noticed_within_a_second_and_outlives_the_process(
    opened: Callable[..., Journaled],
    moody: Moody,
    memory: MemoryTracker,
    place: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
) -> None:
    """Nobody logs any more, and the tracker is away: what waits is on the disk again."""
    journaled = opened()
    run = start_run(journaled)
    moody.error = away
    for value in range(100):
        journaled.write_points(run.id, [point(value)])
    until(lambda: journaled.away)
    damage(journaled.journal.sender().folder.path)
    assert sender.CHECK_INTERVAL_S < 1  # a busy machine takes longer
    until(lambda: said(caplog))
    die(journaled)
    moody.error = lambda name, *_: None
    recover(place, lambda: moody)
    assert values(memory, run.id) == list(range(100))
    assert memory.get_run(run.id).status == "NotResponding"


def test_a_process_that_has_nothing_to_send_goes_on_noted(
    opened: Callable[..., Journaled], place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journaled = opened()
    run = start_run(journaled)
    journaled.write_points(run.id, [point()])
    journaled.flush()
    remove_at_once(place)
    until(lambda: said(caplog))
    [folder] = process_folders(place)
    assert (folder.running(), folder.is_alive()) == ([run.id], True)


def test_without_a_place_the_call_raises_and_what_was_logged_is_delivered(
    opened: Callable[..., Journaled],
    moody: Moody,
    memory: MemoryTracker,
    settings: JournalSettings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    journaled = opened()
    run = start_run(journaled)
    moody.error = away
    acknowledged: list[int] = []

    def log_on() -> None:
        for value in itertools.count():
            journaled.write_points(run.id, [point(value)])
            acknowledged.append(value)
            if value == 5000:
                replace_by_file(settings.folder)

    with pytest.raises(JournalFull, match=r"could not be logged.*AMLFLOW_JOURNAL_FOLDER"):
        log_on()
    assert "another cannot be made" in caplog.text
    moody.error = lambda name, *_: None
    journaled.flush(run.id)
    assert values(memory, run.id) == acknowledged
    settings.folder.unlink()
    until(lambda: not journaled.journal.sender().is_homeless)
    journaled.write_points(run.id, [point(-1)])
    journaled.flush(run.id)
    assert values(memory, run.id) == [*acknowledged, -1]


def test_what_cannot_be_had_any_more_is_said_at_the_end(
    journaled: Journaled,
    moody: Moody,
    memory: MemoryTracker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(segments, "MAX_MEMORY", 10_000)
    run = start_run(journaled)
    moody.error = away
    journaled.write_points(run.id, [point(0)])
    until(lambda: journaled.away)
    for value in range(1, 1000):
        journaled.write_points(run.id, [point(value)])
    cut_in_the_middle(journaled.journal.sender().folder.path)
    until(lambda: said(caplog))
    moody.error = lambda name, *_: None
    with pytest.raises(ServiceException, match="records of this process") as error:
        journaled.update_run(run.id, RunChange(status="Completed"))
    found = values(memory, run.id)
    lost = int(error.value.message.split()[0])
    assert len(found) + lost == 1000
    assert found == sorted(found)  # type: ignore[type-var]
    assert found[-1] == 999
    assert memory.get_run(run.id).status == "Completed"
    journaled.flush(run.id)  # it is said once


@pytest.mark.parametrize("damage", [remove_folder, replace_by_file])
@pytest.mark.parametrize("tracker", ["away", "forbidding"])
def test_files_that_wait_are_delivered_too(
    journaled: Journaled,
    moody: Moody,
    memory: MemoryTracker,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
    tracker: str,
) -> None:
    run = start_run(journaled)
    forbidden = AuthenticationException("Who are you?")
    moody.error = away if tracker == "away" else lambda name, *_: forbidden
    for number in range(5):
        (tmp_path / "file").write_text(f"content {number}")
        journaled.put_files(run.id, {f"file {number}": tmp_path / "file"}, replace=True)
        journaled.write_points(run.id, [point(number)])
    until(lambda: moody.calls.count("put_files"))
    damage(journaled.journal.sender().folder.path)
    until(lambda: said(caplog))
    moody.error = lambda name, *_: None
    journaled.flush(run.id)
    assert values(memory, run.id) == list(range(5))
    for number in range(5):
        memory.get_file(run.id, f"file {number}", tmp_path / "back")
        assert (tmp_path / "back").read_text() == f"content {number}"


def test_a_copy_that_was_cut_is_refused_by_name(
    journaled: Journaled, moody: Moody, memory: MemoryTracker, tmp_path: Path
) -> None:
    run = start_run(journaled)
    moody.error = away
    for name in ("whole", "cut"):
        (tmp_path / name).write_text(name)
        journaled.put_files(run.id, {name: tmp_path / name}, replace=True)
    for copy in journaled.journal.sender().folder.files.iterdir():
        if copy.read_text() == "cut":
            os.truncate(copy, 1)
    moody.error = lambda name, *_: None
    with pytest.raises(UserErrorException, match=r"file 'cut'.*removed or cut"):
        journaled.flush(run.id)
    assert memory.list_files(run.id) == ["whole"]


def test_very_much_that_waits_keeps_few_files_open(
    journaled: Journaled, moody: Moody, memory: MemoryTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "MAX_OPEN", 3)
    monkeypatch.setattr(segments, "SIZE", 1 << 12)
    monkeypatch.setattr(segments, "MAX_MEMORY", 1 << 12)
    run = start_run(journaled)
    moody.error = away
    before = len(os.listdir("/proc/self/fd"))
    for value in range(2000):
        journaled.write_points(run.id, [point(value)])
    assert len(segments_in(journaled.journal.sender().folder.path)) > 20
    assert len(os.listdir("/proc/self/fd")) - before < 8
    moody.error = lambda name, *_: None
    journaled.flush(run.id)
    assert values(memory, run.id) == list(range(2000))
