"""A run's id may be any text. It is never used as a path."""

from __future__ import annotations

from pathlib import Path

import pytest
from amlflow.journal.folder import ProcessFolder, forget_dead, list_dead, note_dead
from amlflow.journal.run_marks import RunMarks

IDS = ["run", "", ".", "..", "../lock", "/etc/passwd", "a b/\u00e4%2F=", "=x", "x" * 5000, "\ud800"]


@pytest.fixture
def folder(tmp_path: Path) -> ProcessFolder:
    return ProcessFolder.make(tmp_path / "journal", "memory://")


@pytest.mark.parametrize("run_id", IDS, ids=[repr(run_id[:20]) for run_id in IDS])
def test_a_running_run_is_noted_and_forgotten_whatever_its_id_is(
    folder: ProcessFolder, run_id: str
) -> None:
    before = set(folder.path.parent.rglob("*"))
    folder.note_running(run_id)
    assert folder.running() == [run_id]
    assert ProcessFolder(folder.path).running() == [run_id]
    [path] = set(folder.path.parent.rglob("*")) - before
    assert (path.parent, path.is_file()) == (folder.path / "running", True)
    assert folder.damage() is None
    successor = folder.successor("memory://", fsync=False)
    assert (successor.running(), successor.damage()) == ([run_id], None)
    folder.note_ended(run_id)
    assert folder.running() == []


@pytest.mark.parametrize("run_id", IDS, ids=[repr(run_id[:20]) for run_id in IDS])
def test_a_dead_run_is_noted_and_forgotten_whatever_its_id_is(tmp_path: Path, run_id: str) -> None:
    note_dead(tmp_path, run_id)
    assert list_dead(tmp_path) == [run_id]
    forget_dead(tmp_path, run_id)
    assert list_dead(tmp_path) == []


def test_a_folder_that_is_gone_has_no_runs(tmp_path: Path) -> None:
    marks = RunMarks(tmp_path / "gone")
    assert marks.runs() == []
    with pytest.raises(OSError, match="gone"):
        marks.add("run")


def test_the_files_of_earlier_versions_are_read(tmp_path: Path) -> None:
    (tmp_path / "local%3A1%2Frun").touch()
    assert RunMarks(tmp_path).runs() == ["local:1/run"]
