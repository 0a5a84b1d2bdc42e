"""Makes a folder that several processes may need at once. Nobody sees it before it is whole."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path


def make_once(folder: Path, fill: Callable[[Path], object]) -> Path:
    """Return the folder. Make it if it is not there: beside its place, and renamed when whole.

    The folder's time is when it was last used (kept_rooms.py). ``fill`` makes the folder at the
    path that it gets. The parents of that path exist.

    Raises:
        OSError: the folder cannot be made. The exceptions of ``fill`` are raised, too.
    """
    if note_use(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    try:
        fill(staging)
        note_use(staging)  # a copied folder has the time of its original
        with contextlib.suppress(OSError):  # another process has just made the same folder
            os.rename(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder


def note_use(folder: Path) -> bool:
    """Set the time of a folder's last use. Returns whether the folder is there."""
    try:
        os.utime(folder)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # another user's, or on a read-only disk
        return folder.is_dir()
    return True


def let_all_read(folder: Path, *, mode: int) -> None:
    """Let all users read what is in a folder. ``mode`` is added to the mode of each file."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else mode))
