"""Runs that start while the tracker is away, and appear in it later under their own id."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest
from amlflow.journal.folder import tracker_folder
from amlflow.journal.recovery import recover
from amlflow.journal.settings import Settings
from amlflow.layers.journaled import Journaled
from amlflow.spec import RunChange, Unavailable
from amlflow.testing.memory import MemoryTracker
from moody import URI, Moody, point, started, until


def away(name: str, *_: object) -> BaseException:
    return Unavailable("It is away.")


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
    settings: Settings,
    tmp_path: Path,
) -> None:
    moody.error = away
    journaled = opened(offline=True)
    whole_story(journaled, tmp_path)
    sender = journaled.journal.sender()
    sender.stop(5)
    sender.folder.release()
    journaled.journal.started = None
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
