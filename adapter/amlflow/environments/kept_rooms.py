"""The rooms on this machine, and the copies of its Python: list, last use, remove.

A room's time is when it was last used. A room that was used in the last day stays, since a run that
waits may need it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from amlflow.environments import kept

MIN_UNUSED_S = 86_400.0
"""Seconds for which a room is kept after its last use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRoom:
    """A room or a copied Python. ``last_used`` is in seconds since 1970."""

    key: str
    path: Path
    last_used: float

    def disk_bytes(self) -> int:
        """How many bytes removing it would free."""
        return kept.disk_bytes_of(self.path)


def list_rooms() -> list[KeptRoom]:
    """All rooms of this user, the last used first."""
    return [room for room in _list() if not room.key.startswith(".")]


def find_unused_rooms(older_than_s: float) -> list[KeptRoom]:
    """The rooms that were not used for this time, and not in the last day."""
    limit = time.time() - max(older_than_s, MIN_UNUSED_S)
    return [room for room in list_rooms() if room.last_used <= limit]


def remove_unused_rooms(older_than_s: float) -> list[str]:
    """Remove rooms that were not used for this time, and what killed processes have left.

    Returns the keys of the removed rooms.
    """
    limit = time.time() - max(older_than_s, MIN_UNUSED_S)
    unused = [room for room in _list() if room.last_used <= limit]
    used = _texts_of_processes() if unused else []
    removed = []
    for room in unused:
        if any(text.startswith(str(room.path)) for text in used) or not _remove(room):
            continue
        removed += [] if room.key.startswith(".") else [room.key]
    return removed


def _list() -> list[KeptRoom]:
    folder = kept.rooms_folder()
    rooms = []
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # removed by another process
                last_used = entry.stat(follow_symlinks=False).st_mtime
                rooms.append(KeptRoom(key=entry.name, path=Path(entry), last_used=last_used))
    return sorted(rooms, key=lambda room: -room.last_used)


def _remove(room: KeptRoom) -> bool:
    hidden = room.path.with_name(f".{room.key.lstrip('.')}.{uuid.uuid4().hex}")
    try:
        os.rename(room.path, hidden)  # from now on, no process finds it
    except OSError:  # another process was faster, or this user may not remove it
        return False
    if hidden.stat().st_mtime != room.last_used:
        os.rename(hidden, room.path)  # a process found it just before the rename
        return False
    shutil.rmtree(hidden, ignore_errors=True)
    return True


def _texts_of_processes() -> list[str]:
    """The words and the values of variables of all processes that this user may look at."""
    import psutil  # only needed to remove rooms

    texts: list[str] = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        texts += process.info["cmdline"] or []
        texts += (process.info["environ"] or {}).values()
    return texts
