"""The rooms on this machine, and the copies of its Python: list, last use, remove.

A room's time is when it was last used. A room that was used in the last day stays, since a run that
is being prepared may need it. The room of a job that waits stays as long as the job. While a script
runs, its agent sets the time of its room again: the script may be on another machine, or in a
container, whose processes this user may not look at.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from amlflow.environments import kept
from amlflow.environments.made_once import note_use

MIN_UNUSED_S = 86_400.0
"""Seconds for which a room is kept after its last use."""
NOTE_S = MIN_UNUSED_S / 24
"""Seconds between two notes of the use of a room by a script that runs."""


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


def remove_unused_rooms(
    older_than_s: float, texts_of_jobs: Callable[[], Iterable[str]] = tuple
) -> list[str]:
    """Remove rooms that were not used for this time, and what killed processes have left.

    ``texts_of_jobs`` returns texts of jobs that have not ended, as for :func:`kept.remove`. Returns
    the keys of the removed rooms.
    """
    limit = time.time() - max(older_than_s, MIN_UNUSED_S)
    unused = [room for room in _list() if room.last_used <= limit]
    used = [*_texts_of_processes(), *texts_of_jobs()] if unused else []
    removed = []
    for room in unused:
        # The name is a digest. The path can be written in several ways, and stand within a text.
        if any(room.key in text for text in used) or not _remove(room):
            continue
        removed += [] if room.key.startswith(".") else [room.key]
    return removed


@contextlib.contextmanager
def keep_in_use(rooms: Sequence[Path]) -> Iterator[None]:
    """Keep rooms, or copies of Python, from being removed."""
    ended = threading.Event()

    def note() -> None:
        while not ended.wait(NOTE_S):
            for room in rooms:
                note_use(room)

    thread = threading.Thread(target=note, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


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
    if hidden.stat().st_mtime != room.last_used:  # a process found it just before the rename
        with contextlib.suppress(OSError):  # another process has made the same room again
            os.rename(hidden, room.path)
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
