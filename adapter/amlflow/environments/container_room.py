"""Copies the room for a container, which cannot follow links to this machine's packages."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from amlflow.environments.room import find_room


def find_copied_room(folder: Path) -> Path:
    """Return a copy of this amlflow's room in a folder of rooms. Make it if there is none.

    Raises:
        OSError: the copy cannot be made.
    """
    room = find_room(folder)
    digest = hashlib.sha256("\n".join(_states(room)).encode()).hexdigest()[:16]
    copied = folder / f"{room.name}-{digest}"
    if copied.is_dir():
        return copied
    staging = folder / f".{copied.name}.{uuid.uuid4().hex}"
    try:
        shutil.copytree(room, staging, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        for path in (staging, *staging.rglob("*")):  # any user of a container must read them
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o644))
        with contextlib.suppress(OSError):  # another process has just made the same copy
            os.rename(staging, copied)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return copied


def _states(room: Path) -> Iterator[str]:
    """Yield texts that differ if a file of amlflow or another package's version differs."""
    for name in sorted(os.listdir(room)):
        yield name
        if name.startswith("amlflow") and not name.endswith(".dist-info"):
            for parent, folders, files in os.walk(room / name):
                folders.sort()
                for file in sorted(files):
                    if file.endswith(".py"):
                        path = os.path.join(parent, file)
                        status = os.stat(path)
                        yield f"{os.path.relpath(path, room)} {status.st_mtime_ns}"
