"""Runs that start while the tracker is away. They appear in it later with the same id."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from amlflow.exceptions import AuthenticationException, AzureMLException, UserErrorException
from amlflow.journal.folder import process_folders, tracker_folder
from amlflow.journal.recovery import put_back, read_refused, recover
from amlflow.journal.settings import JournalSettings
from amlflow.layers.journaled import Journaled
from amlflow.spec import FileInRun, FileNotInRun, Refused, RunChange, TooLarge, Unavailable
from amlflow.testing.memory import MemoryTracker
from helpers.flaky_tracker import MAX_WAIT_S, URI, Moody, away, die, point, start_run, until


def test_without_the_setting_it_is_an_error(opened: Callable[..., Journaled], moody: Moody) -> None:
    moody.error = away
    journaled = opened()
    with pytest.raises(Unavailable, match="It is away"):
        journaled.ensure_experiment("explore")


def whole_story(journaled: Journaled, tmp_path: Path) -> str:
    """A run with a child, files and an end, while the tracker is away; its id."""
    run = start_run(journaled, run_id="mine", tags={"a": "b"})
    assert run.alias == "mine"
    for value in range(10):
        journaled.write_points(run.id, [point(value)])
    child = start_run(journaled, parent_id=run.id, root_id=run.id)
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
    # The answers to calls that create runs are lost, too.
    lost: list[str] = []

    def lose(name: str, *_: object) -> BaseException | None:
        if name == "create_runs" and len(lost) < 2:
            lost.append(name)
            return Unavailable("The answer was cut off.")
        return None

    moody.answer_lost = lose
    moody.error = lambda name, *_: None
    until(lambda: not journaled._is_here_only(run_id))
    journaled.flush(seconds=MAX_WAIT_S)
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
    run = start_run(journaled)
    journaled.write_points(run.id, [point(1)])
    moody.error = lambda name, *_: None
    until(lambda: not journaled._is_here_only(run.id))
    journaled.write_points(run.id, [point(2)])
    record = journaled.get_run(run.id)
    assert record.alias == run.alias
    journaled.write_points(record.id, [point(3)])
    journaled.update_run(record.id, RunChange(status="Completed"))
    assert [each.value for each in memory.read_points(record.id)] == [1, 2, 3]


def waits_for_its_parent(place: Path, tracker: Moody) -> bool:
    # False while a thread of a journal holds the folder.
    try:
        recover(place, lambda: tracker)
    except Unavailable as error:
        return "own process has not made it" in error.message
    return False


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
    run = start_run(parent, run_id="mine")
    child = Journaled(URI, lambda: moody, dataclasses.replace(settings, offline=True), parent)
    child.write_points(run.id, [point(1)])
    child.update_run(run.id, RunChange(tags={"a": "b"}))
    assert child.get_run(run.id).tags == {"a": "b"}
    order = [parent, child] if first == "its process" else [child, parent]
    folders = []
    for journaled in (parent, child):
        sender = journaled.journal.sender()
        sender.stop(MAX_WAIT_S)
        folders.append(sender.folder.path)
    place = tracker_folder(settings.folder, URI)
    moody.error = lambda name, *_: None
    if first == "the forked one":
        order[0].journal.sender().folder.release()
        until(lambda: waits_for_its_parent(place, moody))
        order[1].journal.sender().folder.release()
    else:  # whatever the folders' names, the older one comes first
        for journaled, name in zip(order, ("f" * 32, "0" * 32), strict=True):
            folder = journaled.journal.sender().folder
            folder.path.rename(place / name)
            folder.release()

    def all_is_sent() -> bool:
        # A thread of a journal may hold a folder meanwhile, also the parent's folder.
        with contextlib.suppress(Unavailable):
            assert recover(place, lambda: moody).refused == 0
        return not process_folders(place)

    until(all_is_sent)
    found = memory.get_run("mine", run.experiment_id.removeprefix("local:") and "1")
    assert [each.value for each in memory.read_points(found.id)] == [1]
    for journaled in order:
        journaled.journal.running_sender = None


def test_a_file_whose_answer_was_lost_is_stored_once(
    opened: Callable[..., Journaled], moody: Moody, memory: MemoryTracker, tmp_path: Path
) -> None:
    moody.error = away
    journaled = opened(offline=True)
    run = start_run(journaled)
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
    journaled.flush(run.id, seconds=MAX_WAIT_S)
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
    run = start_run(journaled)
    journaled.write_points(run.id, [point(1)])
    until(lambda: not journaled._is_here_only(run.id), 20)
    assert [each.value for each in journaled.read_points(run.id)] == [1]
    journaled.journal.close()


# --- a run or a snapshot that the tracker does not take -------------------------------------------

REFUSALS: dict[str, AzureMLException] = {
    "400": Refused("HTTP 400"),
    "413": TooLarge("HTTP 413"),
    "507": Refused("HTTP 507"),
}


def failing(call: str, error: AzureMLException, name: str = "bad") -> Callable[..., Any]:
    """A tracker that does not take one run, or one snapshot."""

    def fail(called: str, *arguments: Any) -> BaseException | None:
        is_meant = call == called and name in (arguments[0], getattr(arguments[0][0], "name", None))
        return error if is_meant else None

    return fail


def log_to_three(journaled: Journaled, tmp_path: Path) -> tuple[str, str]:
    """While the tracker is away: a snapshot, a run with a child, and another run after them."""
    (tmp_path / "archive").write_text("content")
    journaled.put_snapshot("bad", tmp_path / "archive")
    bad = start_run(journaled, name="bad", run_id="the-bad")
    journaled.write_points(bad.id, [point(1)])
    child = start_run(journaled, name="child", parent_id=bad.id, root_id=bad.id)
    journaled.write_points(child.id, [point(2)])
    good = start_run(journaled, name="good")
    journaled.write_points(good.id, [point(3)])
    return bad.id, good.id


def check_good_run(memory: MemoryTracker, count: int) -> None:
    """The other run has its value, and ``count`` runs are there."""
    [run] = [run for run in memory._runs.values() if run.name == "good"]
    assert [item.value for item in memory.read_points(run.id)] == [3]
    assert len(memory._runs) == count


@pytest.mark.parametrize("call", ["create_runs", "put_snapshot"])
@pytest.mark.parametrize("error", REFUSALS.values(), ids=REFUSALS)
def test_what_cannot_be_created_is_kept_and_named_and_the_rest_goes_on(
    opened: Callable[..., Journaled],
    moody: Moody,
    memory: MemoryTracker,
    settings: JournalSettings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    call: str,
    error: AzureMLException,
) -> None:
    moody.error = away
    journaled = opened(offline=True)
    bad, good = log_to_three(journaled, tmp_path)
    moody.error = failing(call, error)
    journaled.flush(good, seconds=MAX_WAIT_S)
    is_run = call == "create_runs"
    check_good_run(memory, 1 if is_run else 3)
    entries = list(read_refused(tracker_folder(settings.folder, URI)))
    # The child and both points need the run.
    assert len(entries) == (4 if is_run else 1)
    assert entries[0]["why"] == error.message
    named = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert ("run the-bad" if is_run else "a snapshot") in named[0]
    if is_run:
        with pytest.raises(UserErrorException, match=r"logged to run the-bad \(the run itself, "):
            journaled.update_run(bad, RunChange(status="Completed"))
    journaled.journal.close()
    moody.error = lambda name, *_: None
    put_back(tracker_folder(settings.folder, URI), URI)
    recover(tracker_folder(settings.folder, URI), lambda: moody)
    check_good_run(memory, 3)
    assert memory.has_snapshot("bad")
    [run] = [run for run in memory._runs.values() if run.name == "bad"]
    assert [item.value for item in memory.read_points(run.id)] == [1]
    assert run.status == ("Completed" if is_run else "Running")


@pytest.mark.parametrize("error", [Unavailable("HTTP 500"), AuthenticationException("HTTP 403")])
@pytest.mark.parametrize("call", ["create_runs", "put_snapshot"])
@pytest.mark.parametrize("sender", ["its process", "another"])
def test_what_cannot_be_created_now_waits_and_the_rest_goes_on(
    opened: Callable[..., Journaled],
    moody: Moody,
    memory: MemoryTracker,
    settings: JournalSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    error: AzureMLException,
    sender: str,
) -> None:
    monkeypatch.setattr("amlflow.journal.sender.MAX_PAUSE_S", 0.01)
    moody.error = away
    journaled = opened(offline=True)
    _, good = log_to_three(journaled, tmp_path)
    folder = tracker_folder(settings.folder, URI)
    if sender == "another":
        die(journaled)
    moody.error = failing(call, error)
    if sender == "another":
        with pytest.raises(type(error), match=error.message):
            recover(folder, lambda: moody)
    else:
        journaled.flush(good, seconds=MAX_WAIT_S)
    check_good_run(memory, 1 if call == "create_runs" else 3)
    assert list(read_refused(folder)) == []
    moody.error = lambda name, *_: None
    if sender == "another":
        recover(folder, lambda: moody)
    else:
        journaled.flush(seconds=MAX_WAIT_S)
    check_good_run(memory, 3)
    assert memory.has_snapshot("bad")
