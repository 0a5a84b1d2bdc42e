"""Removes folders that a process is using."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest


def remove_at_once(folder: Path) -> None:
    """Remove a folder with all its files at the same moment.

    The process that uses it may notice at any time, and make a new one in its place. That stays. Or
    it moves to another folder, and removes the folder around it together with what is left here.
    """
    gone = folder.rename(folder.with_name(f"{folder.name}-gone"))
    shutil.rmtree(gone, ignore_errors=True)


def replace_by_file(folder: Path) -> None:
    """Have a file in the place of a folder, although the process that uses it makes a new one."""
    while not folder.is_file():
        remove_at_once(folder)
        with contextlib.suppress(IsADirectoryError):  # the process was faster
            folder.write_text("something else")


def enter_deleted_folder(parent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a folder that was deleted the working folder."""
    deleted = parent / "deleted"
    deleted.mkdir()
    monkeypatch.chdir(deleted)
    deleted.rmdir()
