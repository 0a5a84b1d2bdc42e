"""The records of one process: appended in files of a fixed size that are mapped into memory.

Copying a record into the map puts it into the system's cache, where it outlives the process, and
unlike a system call it does not hand Python's lock to the thread that sends. A file's room is
reserved when it is made, so a full disk is an error then, and never later.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import threading
from collections.abc import Callable
from pathlib import Path

from amlflow.exceptions import ServiceException
from amlflow.journal.settings import MOST

SIZE = 1 << 20
WINDOW = 1 << 20
"""Bytes of records that are read at once."""
PAGE = mmap.PAGESIZE


class JournalFull(ServiceException):
    """What was to be logged could not be written down here, so it was not logged."""


def number_of(path: Path) -> int:
    return int(path.stem)


def segments_in(folder: Path) -> list[Path]:
    """The files of records, the oldest first."""
    return sorted(folder.glob("*.log"), key=number_of)


def segment_path(folder: Path, number: int) -> Path:
    return folder / f"{number:08}.log"


def read_lines(path: Path, offset: int, end: int | None = None) -> tuple[list[bytes], int]:
    """Some whole lines from an offset on, without their ends, and the offset after them.

    There are none after the last one; ``end`` is how far the file is known to be written.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size if end is None else end
        file.seek(offset)
        content = file.read(min(WINDOW, size - offset))
        while (last := content.rfind(b"\n") + 1) == 0:
            more = file.read(min(WINDOW, size - offset - len(content)))
            if not more:
                return [], offset
            content += more
    # Nothing in a record is a zero; before a line they are a page that a power cut has lost.
    return [each.strip(b"\0") for each in content[: last - 1].split(b"\n")], offset + last


class Segments:
    """Where this process appends. ``wake`` is called by the append that ends :meth:`rest`."""

    def __init__(
        self, folder: Path, most_bytes: int, *, fsync: bool, wake: Callable[[], None]
    ) -> None:
        self._folder, self._most, self._fsync, self._wake = folder, most_bytes, fsync, wake
        self._lock = threading.Lock()
        self._map: mmap.mmap | None = None
        self._sizes: dict[int, int] = {}
        self._files = 0
        self._resting = True
        self._sealed = False
        self._end = self._room = 0
        self.number = 0
        self.appended = 0
        """How many records there have been."""

    def append(self, line: bytes) -> int:
        """Keep a record; it outlives this process. Its number, from 1, is returned.

        Raises :class:`JournalFull`; then it is not kept.
        """
        with self._lock:
            start = self._end
            end = start + len(line)
            if end > self._room:
                self._next(len(line))
                start, end = 0, len(line)
            self._map[start:end] = line  # type: ignore[index]
            self._end = end
            self.appended += 1
            if self._fsync:
                first = start - start % PAGE
                self._map.flush(first, end - first)  # type: ignore[union-attr]
            if self._resting:
                self._resting = False
                self._wake()
            return self.appended

    def seal(self) -> int:
        """Take no more records. How many there have been is returned."""
        with self._lock:
            self._sealed, self._room = True, -1
            return self.appended

    def _next(self, least: int) -> None:
        if self._sealed:
            raise JournalFull("This could not be logged: the process is at its end.")
        size = max(SIZE, -(-least // PAGE) * PAGE)
        self._check_room(size)
        path = segment_path(self._folder, self.number + 1)
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                _reserve(handle, size)
                made = mmap.mmap(handle, size)
                if self._fsync:
                    os.fsync(handle)
                    for folder in (self._folder, *list(self._folder.parents)[:3]):
                        to_disk(folder)
            finally:
                os.close(handle)
        except OSError as error:
            with contextlib.suppress(OSError):
                path.unlink()
            raise self._full(error) from error
        if self._map is not None:
            self._map.close()
        self._map, self._end, self._room = made, 0, size
        self.number += 1
        self._sizes[self.number] = size

    def _full(self, error: OSError) -> JournalFull:
        return JournalFull(
            f"This could not be logged: the journal in {self._folder} cannot grow "
            f"({error.strerror or error}). Free some space there, or let AMLFLOW_JOURNAL_FOLDER "
            "name another folder. What was logged before is kept."
        )

    def _check_room(self, more: int) -> None:
        if sum(self._sizes.values()) + self._files + more > self._most:
            raise JournalFull(
                f"This could not be logged: {self._most / 1e6:g} MB wait in {self._folder} for the "
                f"tracker already, and {MOST} allows no more. What was logged before is kept; "
                "see to the tracker, or raise the limit."
            )

    def keep_file(self, source: Path, name: str) -> None:
        """Copy a file that waits to ``files/``. Raises :class:`JournalFull`."""
        import shutil

        target = self._folder / "files" / name
        size = source.stat().st_size
        with self._lock:
            self._check_room(size)
            self._files += size
        try:
            target.parent.mkdir(exist_ok=True, mode=0o700)
            shutil.copyfile(source, target)
            if self._fsync:
                to_disk(target)
                to_disk(target.parent)
        except OSError as error:
            with self._lock:
                self._files -= size
            target.unlink(missing_ok=True)
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            raise self._full(error) from error

    def drop_file(self, name: str) -> None:
        """The file has been sent."""
        path = self._folder / "files" / name
        with contextlib.suppress(FileNotFoundError):
            size = path.stat().st_size
            path.unlink()
            with self._lock:
                self._files -= size

    # for the thread that sends

    def rest(self, seen: int) -> bool:
        """Whether there is nothing after the ``seen`` first; the next append then wakes."""
        with self._lock:
            self._resting = self.appended == seen
            return self._resting

    def written(self) -> tuple[int, int]:
        """The number of the segment that is written now, and how far."""
        with self._lock:
            return self.number, self._end

    def forget(self, before: int) -> None:
        """Remove the segments before a number: they have been sent."""
        with self._lock:
            old = [number for number in self._sizes if number < before]
            for number in old:
                del self._sizes[number]
        for number in old:
            segment_path(self._folder, number).unlink(missing_ok=True)


def _reserve(handle: int, size: int) -> None:
    """Give a file its room on the disk."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, size)
    else:
        os.pwrite(handle, bytes(size), 0)


def to_disk(path: Path) -> None:
    """Have the disk get a file, or what is new in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
