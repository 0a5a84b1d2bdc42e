"""Runs that start while the tracker is away, and appear in it later under their own id."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest
from amlflow.exceptions import UserErrorException
from amlflow.journal.folder import tracker_folder
from amlflow.journal.recovery import recover
from amlflow.journal.settings import JournalSettings
from amlflow.layers.journaled import Journaled
from amlflow.spec import FileInRun, FileNotInRun, RunChange, Unavailable
from amlflow.testing.memory import MemoryTracker
from helpers.flaky_tracker import URI, Moody, away, die, point, started, until


def test_without_the_setting_it_is_an_error(opened: Callable[..., Journaled], moody: Moody) -> None:
    moody.error = away
    journaled = opened()
    with pytest.raises(Unavailable, match="It is away"):
        journaled.ensure_experiment("explore")


def whole_story(journaled: Journaled, tmp_path: Path) -> str:
    """A run with a child, files and an end, while the tracker is away; its id."""
    run = started(journaled, run_id="mine", tags={"a": "b"})
    assert run.alias == "mine"
    for value in range(10):
        journaled.write_points(run.id, [point(value)])
    child = started(journaled, parent_id=run.id, root_id=run.id)
    journaled.write_points(child.id, [point("text")])
    (tmp_path / "file").write_text("content")
    journaled.put_files(run.id, {"outputs/file": tmp_path / "file"})
    journaled.put_snapshot("digest", tmp_path / "file")
    journaled.update_run(run.id, RunChange(properties={"p": "1"}, tags={"c": None}))
    assert [each.value for each in journaled.read_points(run.id)] == list(range(10))
    assert journaled.list_files(run.id) == ["outputs/file"]
    ended = datetime.now(timezone.utc)
    journaled.update_run(child.id, RunChange(status="Completed", ended=ended))
    journaled.update_run(run.id, RunChange(status="Completed", ended=ended))
    assert journaled.get_run(run.id).status == "Completed"
    assert journaled.get_run(run.id).tags == {"a": "b", "c": None}
    return run.id


def check(memory: MemoryTracker, tmp_path: Path) -> None:
    [experiment] = memory.list_experiments()
    run = memory.get_run("mine", experiment.id)
    assert (run.status, run.tags, run.properties) == (
        "Completed",
        {"a": "b", "c": None},
        {"p": "1"},
    )
    assert [each.value for each in memory.read_points(run.id)] == list(range(10))
    memory.get_file(run.id, "outputs/file", tmp_path / "back")
    assert (tmp_path / "back").read_text() == "content"
    assert memory.has_snapshot("digest")
    [child] = [each for each in memory._runs.values() if each.parent_id == run.id]
    assert (child.root_id, child.status) == (run.id, "Completed")
    assert [each.value for each in memory.read_points(child.id)] == ["text"]
    assert len(memory._runs) == 2


def test_runs_get_there_when_the_tracker_is_back(
    opened: Callable[..., Journaled], moody: Moody, memory: MemoryTracker, tmp_path: Path
) -> None:
    moody.error = away
    journaled = opened(offline=True)
    run_id = whole_story(journaled, tmp_path)
    # The answers to calls that make runs are lost, too.
    lost: list[str] = []

    def lose(name: str, *_: object) -> BaseException | None:
        if name == "create_runs" and len(lost) < 2:
            lost.append(name)
            return Unavailable("The answer was cut off.")
        return None

    moody.answer_lost = lose
    moody.error = lambda name, *_: None
    until(lambda: not journaled._is_here_only(run_id))
    journaled.flush(seconds=20)
    assert len(lost) == 2
    check(memory, tmp_path)
    assert journaled.get_run(run_id).status == "Completed"
    assert len(journaled.read_points(run_id)) == 10


def test_runs_get_there_by_another_process(
    opened: Callable[..., Journaled],
    moody: Moody,
    memory: MemoryTracker,
    settings: JournalSettings,
    tmp_path: Path,
) -> None:
    moody.error = away
    journaled = opened(offline=True)
    whole_story(journaled, tmp_path)
    die(journaled)
    moody.error = lambda name, *_: None
    place = tracker_folder(settings.folder, URI)
    recover(place, lambda: moody)
    check(memory, tmp_path)


def test_a_run_that_goes_on_when_the_tracker_is_back(
    opened: Callable[..., Journaled], moody: Moody, memory: MemoryTracker
) -> None:
    moody.error = away
    journaled = opened(offline=True)
    run = started(journaled)
    journaled.write_points(run.id, [point(1)])
    moody.error = lambda name, *_: None
    until(lambda: not journaled._is_here_only(run.id))
    journaled.write_points(run.id, [point(2)])
    record = journaled.get_run(run.id)
    assert record.alias == run.alias
    journaled.write_points(record.id, [point(3)])
    journaled.update_run(record.id, RunChange(status="Completed"))
    assert [each.value for each in memory.read_points(record.id)] == [1, 2, 3]


@pytest.mark.parametrize("first", ["its process", "the forked one"])
def test_what_a_forked_process_logs_waits_for_its_parents_run(
    opened: Callable[..., Journaled],
    moody: Moody,
    memory: MemoryTracker,
    settings: JournalSettings,
    first: str,
) -> None:
    moody.error = away
    parent = opened(offline=True)
    run = started(parent, run_id="mine")
    child = Journaled(URI, lambda: moody, dataclasses.replace(settings, offline=True), parent)
    child.write_points(run.id, [point(1)])
    child.update_run(run.id, RunChange(tags={"a": "b"}))
    assert child.get_run(run.id).tags == {"a": "b"}
    order = [parent, child] if first == "its process" else [child, parent]
    folders = []
    for journaled in (parent, child):
        sender = journaled.journal.sender()
        sender.stop(5)
        folders.append(sender.folder.path)
    place = tracker_folder(settings.folder, URI)
    moody.error = lambda name, *_: None
    if first == "the forked one":
        order[0].journal.sender().folder.release()
        with pytest.raises(Unavailable, match="own process has not made it"):
            recover(place, lambda: moody)
        order[1].journal.sender().folder.release()
    else:  # whatever the folders' names, the older one comes first
        for journaled, name in zip(order, ("f" * 32, "0" * 32), strict=True):
            folder = journaled.journal.sender().folder
            folder.path.rename(place / name)
            folder.release()
    done = recover(place, lambda: moody)
    assert (done.sent, done.refused) == (3, 0)
    found = memory.get_run("mine", run.experiment_id.removeprefix("local:") and "1")
    assert [each.value for each in memory.read_points(found.id)] == [1]
    for journaled in order:
        journaled.journal.running_sender = None


def test_a_file_whose_answer_was_lost_is_stored_once(
    opened: Callable[..., Journaled], moody: Moody, memory: MemoryTracker, tmp_path: Path
) -> None:
    moody.error = away
    journaled = opened(offline=True)
    run = started(journaled)
    (tmp_path / "file").write_text("content")
    journaled.put_files(run.id, {"file": tmp_path / "file"})
    with pytest.raises(FileInRun):
        journaled.put_files(run.id, {"file": tmp_path / "file"})
    journaled.get_file(run.id, "file", tmp_path / "back")
    assert (tmp_path / "back").read_text() == "content"
    with pytest.raises(FileNotInRun):
        journaled.get_file(run.id, "other", tmp_path / "back")
    lost: list[str] = []

    def lose(name: str, *_: object) -> BaseException | None:
        if name == "put_files" and not lost:
            lost.append(name)
            return Unavailable("The answer was cut off.")
        return None

    moody.answer_lost = lose
    moody.error = lambda name, *_: None
    until(lambda: not journaled._is_here_only(run.id))
    journaled.flush(run.id, seconds=20)
    assert lost
    assert journaled.list_files(run.id) == ["file"]


def test_a_tracker_that_cannot_be_opened_holds_up_nothing_for_good(
    opened: Callable[..., Journaled],
    moody: Moody,
    memory: MemoryTracker,
    settings: JournalSettings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    reasons: list[BaseException] = [
        Unavailable("It is away."),
        Unavailable("It is away."),
        UserErrorException("It is not a tracker."),
        ValueError("It is broken."),
    ]

    def open_it() -> Moody:
        if reasons:
            raise reasons.pop(0)
        return moody

    journaled = Journaled(URI, open_it, dataclasses.replace(settings, offline=True))
    run = started(journaled)
    journaled.write_points(run.id, [point(1)])
    until(lambda: not journaled._is_here_only(run.id), 20)
    assert [each.value for each in journaled.read_points(run.id)] == [1]
    journaled.journal.close()
