"""Rooms that no script uses any more are removed, and only those."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from amlflow.cli import environments
from amlflow.environments import kept, kept_rooms
from amlflow.environments.made_once import make_once
from amlflow.exceptions import UserErrorException
from helpers.submitted_jobs import until

DAY_S = 86_400.0


@pytest.fixture
def rooms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AMLFLOW_ENVIRONMENTS", str(tmp_path))
    monkeypatch.setattr(kept_rooms, "_texts_of_processes", list)
    return kept.rooms_folder()


def make(rooms: Path, name: str, days: float = 40) -> Path:
    """A room that was used so many days ago."""

    def fill(folder: Path) -> None:
        folder.mkdir()
        (folder / "file").write_text("x" * 5000)

    room = make_once(rooms / name, fill)
    used = time.time() - days * DAY_S
    os.utime(room, (used, used))
    return room


def test_rooms_are_listed_with_their_size_and_last_use(rooms: Path) -> None:
    assert kept_rooms.list_rooms() == []
    make(rooms, "old")
    make(rooms, "new", 1)
    make(rooms, ".left.by-a-killed-process")
    new, old = kept_rooms.list_rooms()
    assert (new.key, old.key) == ("new", "old")
    assert old.disk_bytes() >= 5000
    assert 39 * DAY_S < time.time() - old.last_used < 41 * DAY_S


def test_one_is_not_removed_by_its_key(rooms: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "find_images", lambda: None)
    make(rooms, "old")
    with pytest.raises(UserErrorException, match="'old' is amlflow's own files"):
        environments.remove(any_environment=None, environment_version=None, hash_="old")
    assert os.listdir(rooms) == ["old"]


def test_only_those_that_were_not_used_are_removed(rooms: Path) -> None:
    for name, days in (("old", 40.0), ("new", 2.0), (".left.behind", 40.0)):
        make(rooms, name, days)
    assert kept_rooms.remove_unused_rooms(30 * DAY_S) == ["old"]
    assert os.listdir(rooms) == ["new"]
    make(rooms, "today", 0.5)
    assert kept_rooms.remove_unused_rooms(0) == ["new"]
    assert os.listdir(rooms) == ["today"], "a run that waits may need it"


def test_one_of_a_process_stays(rooms: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = make(rooms, "old")
    monkeypatch.setattr(kept_rooms, "_texts_of_processes", lambda: ["python", str(room)])
    assert kept_rooms.remove_unused_rooms(0) == []
    assert room.is_dir()


@pytest.mark.parametrize("text", ["/packages:{}/x", "--mount=src={},dst=/x"])
def test_one_within_a_word_of_a_process_stays(
    rooms: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """It may have another path there, such as one without links."""
    make(rooms, "0123456789abcdef")
    used = text.format("/other/path/0123456789abcdef")
    monkeypatch.setattr(kept_rooms, "_texts_of_processes", lambda: [used])
    assert kept_rooms.remove_unused_rooms(0) == []


def test_one_of_a_job_that_waits_stays(rooms: Path) -> None:
    room = make(rooms, "0123456789abcdef")
    assert kept_rooms.remove_unused_rooms(0, lambda: [f'{{"room": "{room}"}}']) == []
    assert kept_rooms.remove_unused_rooms(0, lambda: ['{"room": "other"}']) == [room.name]


def test_one_of_a_script_on_another_machine_stays(
    rooms: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = make(rooms, "old")
    monkeypatch.setattr(kept_rooms, "NOTE_S", 0.01)
    with kept_rooms.keep_in_use([room]):
        until(lambda: room.stat().st_mtime > time.time() - DAY_S)
    assert kept_rooms.remove_unused_rooms(0) == []


def test_one_that_is_taken_and_made_again_while_it_is_removed(
    rooms: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = make(rooms, "old")
    rename = os.rename

    def rename_late(source: Path, target: Path) -> None:
        if target != room:
            os.utime(room)  # another process has found it
            rename(source, target)
            make(rooms, "old", 0)  # and a third one has not
        else:
            rename(source, target)

    monkeypatch.setattr(kept_rooms, "_texts_of_processes", list)
    unused = kept_rooms._list()
    with monkeypatch.context() as patched:
        patched.setattr(kept_rooms, "_list", lambda: unused)
        patched.setattr(kept_rooms.os, "rename", rename_late)
        kept_rooms.remove_unused_rooms(0)
    assert (room / "file").exists()
    assert os.listdir(rooms) == ["old"]


def test_finding_one_is_a_use(rooms: Path) -> None:
    room = make(rooms, "old")
    make_once(room, lambda _: pytest.fail("it is there"))
    assert kept_rooms.remove_unused_rooms(0) == []


def test_one_that_is_taken_while_it_is_removed_stays(
    rooms: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = make(rooms, "old")

    def take_it() -> list[str]:
        os.utime(room)  # acts as another process, just after the rooms were listed
        return []

    monkeypatch.setattr(kept_rooms, "_texts_of_processes", take_it)
    assert kept_rooms.remove_unused_rooms(0) == []
    assert os.listdir(rooms) == ["old"]
