"""Refused records of a dead process are kept, listed, and sent again on request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from amlflow.journal import folder
from amlflow.journal.recovery import (
    put_back,
    read_refused,
    recover,
    waiting,
)
from amlflow.layers.journaled import Journaled
from amlflow.spec import Refused, RunRecord
from amlflow.testing.memory import MemoryTracker
from helpers.flaky_tracker import URI, Moody, away, die, point, start_run, until, values


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
    [entry] = read_refused(place)
    assert (entry["run_id"], entry["why"]) == (left.id, "No 7.")


def test_what_was_refused_is_sent_again_once_it_is_asked_for(
    opened: Callable[..., Journaled],
    moody: Moody,
    memory: MemoryTracker,
    place: Path,
    tmp_path: Path,
) -> None:
    def refuse(name: str, *_: object) -> BaseException | None:
        return Refused("Not today.") if name in ("write_points", "put_files") else None

    journaled = opened()
    run = start_run(journaled)
    moody.error = away
    journaled.write_points(run.id, [point(1)])
    (tmp_path / "file").write_text("content")
    journaled.put_files(run.id, {"file": tmp_path / "file"}, replace=True)
    journaled.write_points(run.id, [point(2)])
    put_back(place, URI)  # nothing was refused yet
    die(journaled)
    moody.error = refuse
    assert recover(place, lambda: moody).refused == 3
    moody.error = lambda *_: None
    assert recover(place, lambda: moody).sent == 0
    put_back(place, URI)
    assert list(read_refused(place)) == []
    assert sum(each["waiting"] for each in waiting(place)) == 3
    done = recover(place, lambda: moody)
    assert (done.sent, done.refused) == (3, 0)
    assert values(memory, run) == [1, 2]
    memory.get_file(run.id, "file", tmp_path / "again")
    assert (tmp_path / "again").read_text() == "content"
    assert list(waiting(place)) == []


def test_who_dies_while_putting_back_leaves_the_files(
    opened: Callable[..., Journaled],
    moody: Moody,
    memory: MemoryTracker,
    place: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    journaled = opened()
    run = start_run(journaled)
    moody.error = away
    (tmp_path / "file").write_text("content")
    journaled.put_files(run.id, {"file": tmp_path / "file"}, replace=True)
    die(journaled)
    moody.error = lambda name, *_: Refused("Not today.") if name == "put_files" else None
    assert recover(place, lambda: moody).refused == 1

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    for name in ("segment_path", "_move_files"):
        with monkeypatch.context() as patch:
            patch.setattr(folder, name, killed)
            with pytest.raises(KeyboardInterrupt):
                put_back(place, URI)
        recover(place, lambda: moody)
    moody.error = lambda *_: None
    put_back(place, URI)
    recover(place, lambda: moody)
    memory.get_file(run.id, "file", tmp_path / "again")
    assert (tmp_path / "again").read_text() == "content"


def test_what_a_living_process_had_refused_stays_with_it(
    journaled: Journaled, run: RunRecord, moody: Moody, place: Path
) -> None:
    moody.error = lambda *_: Refused("Not today.")
    journaled.write_points(run.id, [point(1)])
    until(lambda: list(read_refused(place)))
    put_back(place, URI)
    assert len(list(read_refused(place))) == 1
