"""The records of one process: appended to files of a fixed size, from which another sends them.

A record that is written is in the system's cache, where it outlives the process. It is written by a
system call that keeps Python's lock (``system_write.py``): one that hands it over would wait for
the thread that sends. A map of the file would be quicker, but a process that writes to a map dies
when somebody cuts the file. A file's room is reserved when it is made, so a full disk is an error
then, and never later.

What is not sent yet is in memory, too, as far as it is recent, and its files stay open. Where
somebody removes or cuts them, it goes on from there into a new folder.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from amlflow.exceptions import ServiceException
from amlflow.journal.record import LOST_LINE, is_whole, size_of_copy
from amlflow.journal.settings import MAX_MB_SETTING
from amlflow.journal.system_write import write

if TYPE_CHECKING:
    from amlflow.journal.folder import ProcessFolder

logger = logging.getLogger("amlflow")

SIZE = 1 << 20
WINDOW = 1 << 20
"""Bytes of records that are read at once."""
PAGE = 4096
CHECK_S = 0.5
"""How often it is looked whether the folder is still there."""
MAX_MEMORY = 2 << 20
"""Bytes of records that are kept in memory, too, until they are sent."""
MAX_OPEN = 64
"""How many files of records, and copies of files, stay open while they wait."""
MAX_LINES = 10_000
"""How many lines are taken at once from the disk."""


sync = getattr(os, "fdatasync", os.fsync)  # not every system has the former


class JournalFull(ServiceException):
    """What was to be logged could not be written down here, so it was not logged."""


def number_of(path: Path) -> int:
    return int(path.stem)


def segments_in(folder: Path) -> list[Path]:
    """The files of records, the oldest first."""
    return sorted(folder.glob("*.log"), key=number_of)


def segment_path(folder: Path, number: int) -> Path:
    return folder / f"{number:08}.log"


def read_lines(path: Path, offset: int) -> tuple[list[bytes], int]:
    """Some whole lines from an offset on, without their ends, and the offset after them.

    There are none after the last one.
    """
    with path.open("rb") as file:
        return lines_at(file.fileno(), offset)


def lines_at(handle: int, offset: int) -> tuple[list[bytes], int]:
    """The same of an open file."""
    content = os.pread(handle, WINDOW, offset)
    while (last := content.rfind(b"\n") + 1) == 0:
        more = os.pread(handle, WINDOW, offset + len(content))
        if not more:
            return [], offset
        content += more
    # Nothing in a record is a zero; before a line they are a page that a power cut has lost.
    return [each.strip(b"\0") for each in content[: last - 1].split(b"\n")], offset + last


@dataclass(slots=True)
class Segment:
    """A file of records that are not all sent."""

    path: Path
    handle: int | None
    """None where too many are open."""
    size: int
    inode: tuple[int, int]
    first: int
    """The number of its first record."""

    def close(self) -> None:
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None


class Segments:
    """Where this process appends, and from where its records are sent.

    ``make_folder`` makes another folder where the first is gone. ``wake`` is called by the append
    that ends :meth:`rest`.
    """

    def __init__(
        self,
        folder: ProcessFolder,
        max_bytes: int,
        *,
        fsync: bool,
        wake: Callable[[], None],
        make_folder: Callable[[ProcessFolder], ProcessFolder],
    ) -> None:
        self.folder = folder
        self._max_bytes, self._fsync, self._wake = max_bytes, fsync, wake
        self._make_folder = make_folder
        self._lock = threading.RLock()
        self._segments: dict[int, Segment] = {}
        self._copies: dict[str, int | None] = {}
        self._copied = 0
        self._memory: deque[bytes] = deque()
        self._remembered = 0
        self._position = (1, 0)
        self._taken: list[bytes] = []
        self._resting = True
        self._sealed = False
        self._homeless: OSError | None = None
        self._moving = False
        self._checked = time.monotonic()
        self._handle = -1
        self._end = self._room = 0
        self.number = 0
        """Of the segment that is written now."""
        self.appended = 0
        """How many records there have been."""
        self.done = 0
        """How many of them have been sent, or are kept elsewhere."""

    def append(self, line: bytes) -> int:
        """Keep a record; it outlives this process. Its number, from 1, is returned.

        Raises :class:`JournalFull`; then it is not kept.
        """
        with self._lock:
            if time.monotonic() - self._checked > CHECK_S:
                self._check()
            self._put(line, self.appended + 1)
            self.appended += 1
            self._memory.append(line)
            self._remembered += len(line)
            if self._remembered > MAX_MEMORY:
                self._remembered -= len(self._memory.popleft())
            if self._resting:
                self._resting = False
                self._wake()
            return self.appended

    def _put(self, line: bytes, number: int) -> None:
        size = len(line)
        if self._end + size > self._room:
            self._next(size, number)
        if write(self._handle, line, size) != size:
            # The file was cut, so that its room is not reserved any more, and the disk is full.
            self._room = 0
            raise self._full(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        self._end += size
        if self._fsync:
            sync(self._handle)

    @property
    def is_homeless(self) -> bool:
        """Whether what waits is in this process's memory only."""
        return self._homeless is not None

    def seal(self) -> int:
        """Take no more records. How many there have been is returned."""
        with self._lock:
            self._sealed, self._room = True, -1
            return self.appended

    def _next(self, least: int, number: int) -> None:
        if self._sealed:
            raise JournalFull("This could not be logged: the process is at its end.")
        if self._homeless is not None:
            self._move("is gone")
            if self._homeless is not None:
                raise self._full(self._homeless)
            if self._end + least <= self._room:
                return
        size = max(SIZE, -(-least // PAGE) * PAGE)
        self._check_room(size)
        try:
            segment = self._new_segment(size, number)
        except OSError as error:
            if self._moving or error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise self._full(error) from error
            self._move(f"cannot be written to ({error.strerror or error})")
            if self._homeless is not None:
                raise self._full(self._homeless) from error
            if self._end + least > self._room:
                self._next(least, number)
            return
        self.number += 1
        self._segments[self.number] = segment
        self._handle, self._end, self._room = segment.handle or -1, 0, size
        self._close_some()

    def _new_segment(self, size: int, number: int) -> Segment:
        path = segment_path(self.folder.path, self.number + 1)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _reserve(handle, size)
            if self._fsync:
                os.fsync(handle)
                for folder in (path.parent, *list(path.parent.parents)[:3]):
                    to_disk(folder)
            made = os.fstat(handle)
        except OSError:
            os.close(handle)
            with contextlib.suppress(OSError):
                path.unlink()
            raise
        return Segment(path, handle, size, (made.st_dev, made.st_ino), number)

    def _close_some(self) -> None:
        """Of very many that wait, close the newest ones that are written to their end."""
        opened = [number for number, each in self._segments.items() if each.handle is not None]
        if len(opened) > MAX_OPEN:
            self._segments[opened[-2]].close()

    def _full(self, error: OSError) -> JournalFull:
        return JournalFull(
            f"This could not be logged: the journal in {self.folder.path} cannot grow "
            f"({error.strerror or error}). Free some space there, or let AMLFLOW_JOURNAL_FOLDER "
            "name another folder. What was logged before is kept."
        )

    def _check_room(self, more: int) -> None:
        if (
            sum(each.size for each in self._segments.values()) + self._copied + more
            > self._max_bytes
        ):
            raise JournalFull(
                f"This could not be logged: {self._max_bytes / 1e6:g} MB wait in "
                f"{self.folder.path} for the tracker already, and {MAX_MB_SETTING} allows no more. "
                "What was logged before is kept; see to the tracker, or raise the limit."
            )

    # copies of files

    def keep_file(self, source: Path, name: str) -> None:
        """Copy a file that waits to ``files/``. Raises :class:`JournalFull`."""
        import shutil

        size = source.stat().st_size
        with self._lock:
            self._check()
            self._check_room(size)
            self._copied += size
            self._copies[name] = None
            target = self.folder.files / name
        while True:
            try:
                target.parent.mkdir(exist_ok=True, mode=0o700)
                shutil.copyfile(source, target)
                if self._fsync:
                    to_disk(target)
                    to_disk(target.parent)
            except OSError as error:
                with contextlib.suppress(OSError):
                    target.unlink()
                self.check()
                if target.parent == self.folder.files:
                    self._forget_copy(name, size)
                    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                        raise
                    raise self._full(error) from error
            with self._lock:
                if target.parent == self.folder.files:
                    if len(self._copies) <= MAX_OPEN:
                        with contextlib.suppress(OSError):  # it has been removed already
                            self._copies[name] = os.open(target, os.O_RDONLY)
                    return
                target = self.folder.files / name

    def _forget_copy(self, name: str, size: int) -> None:
        with self._lock:
            handle = self._copies.pop(name, None)
            self._copied -= size
        if handle is not None:
            os.close(handle)

    def drop_file(self, name: str) -> None:
        """The file has been sent."""
        path = self.folder.files / name
        size = size_of_copy(name) or 0
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        if name in self._copies:
            self._forget_copy(name, size)

    # for the thread that sends

    def rest(self) -> bool:
        """Whether all is sent; the next append then wakes."""
        with self._lock:
            self._resting = self.appended == self.done
            return self._resting

    def take(self) -> list[bytes]:
        """Some of the lines that are to be sent next; none where there are none."""
        with self._lock:
            self._check()
            remembered = self.appended - len(self._memory)
            if self.done < remembered:
                self._taken = self._stored(remembered)
            else:
                sizes = itertools.accumulate(map(len, self._memory))
                count = sum(1 for _ in itertools.takewhile(WINDOW.__gt__, sizes))
                self._taken = list(itertools.islice(self._memory, max(1, count)))
            return self._taken

    def _stored(self, last: int) -> list[bytes]:
        """Some of the lines up to a number, from the disk."""
        number, offset = self._position = self._place_of(self.done + 1, self._position)
        following = self._segments.get(number + 1)
        if following is not None:
            last = min(last, following.first - 1)
        lines = _whole_lines(self._segments[number], offset, min(last - self.done, MAX_LINES))
        if not lines:
            self._move("was cut")
            return self.take()
        return lines

    def _place_of(self, record: int, place: tuple[int, int]) -> tuple[int, int]:
        """The segment and the offset of a record, from those of the end of the record before."""
        number, offset = place
        while (following := self._segments.get(number + 1)) and following.first <= record:
            number, offset = number + 1, 0
        return number, offset

    def _place_after(self, lines: list[bytes]) -> tuple[int, int]:
        """The segment and the offset after the lines that come next."""
        place = self._position
        for record, line in enumerate(lines, self.done + 1):
            number, offset = self._place_of(record, place)
            place = number, offset + len(line)
        return place

    def sent(self) -> None:
        """The lines that were taken have been sent, or are kept elsewhere."""
        with self._lock:
            self._position = number, offset = self._place_after(self._taken)
            self.done += len(self._taken)
            self._taken = []
            while len(self._memory) > self.appended - self.done:
                self._remembered -= len(self._memory.popleft())
            if self._homeless is not None:
                return
            try:
                self.folder.note_sent(number, offset)
                for old in [each for each in self._segments if each < number]:
                    segment = self._segments.pop(old)
                    segment.close()
                    segment.path.unlink(missing_ok=True)
            except OSError as error:
                self._move(f"cannot be written to ({error.strerror or error})")

    # where the folder is gone

    def check(self) -> None:
        """Go on in another folder if this one has been removed, replaced or cut."""
        with self._lock:
            self._check()

    def _check(self) -> None:
        self._checked = time.monotonic()
        if self._sealed and self.done == self.appended:
            return  # this process has removed it
        damage = "is gone" if self._homeless is not None else self._damage()
        if damage is not None:
            self._move(damage)

    def _damage(self) -> str | None:
        damage = self.folder.damage()
        for segment in self._segments.values() if damage is None else ():
            try:
                there = os.stat(segment.path)
            except OSError as error:
                return f"cannot be read ({error.strerror or error})"
            if (there.st_dev, there.st_ino) != segment.inode:
                return "was replaced"
            if there.st_size < segment.size:
                return "was cut"
        return damage

    def _move(self, why: str) -> None:
        """Take what is not sent into another folder; if there can be none, keep it in memory."""
        old, segments = self.folder, self._segments
        lines = self._unsent(segments, self._place_after(self._taken))
        try:
            self.folder = self._make_folder(old)
        except OSError as error:
            self._keep_in_memory(lines, error, why)
            return
        if self._homeless is None:
            logger.warning(
                "The journal %s %s while it was in use; what waits for the tracker is in %s now.",
                old.path, why, self.folder.path,
            )  # fmt: skip
        self._homeless = None
        self._segments, self._position = {}, (1, 0)
        self.number = self._end = 0
        if not self._sealed:
            self._room = 0
        self._write_anew(lines)
        self._copy_files(old)
        for segment in segments.values():
            segment.close()
        old.leave_to_others()

    def _write_anew(self, lines: Iterator[bytes]) -> None:
        sealed, self._sealed = self._sealed, False
        self._moving = True
        try:
            for number, line in enumerate(lines, self.done + 1):
                try:
                    self._put(line, number)
                except JournalFull as error:
                    self._keep_in_memory(itertools.chain([line], lines), OSError(error.message))
                    return
        finally:
            self._moving = False
            if sealed:
                self._sealed, self._room = True, -1

    def _keep_in_memory(
        self, lines: Iterator[bytes], error: OSError, why: str | None = None
    ) -> None:
        first = self._homeless is None
        self._homeless = error
        self._memory = deque(lines)
        self._remembered = sum(map(len, self._memory))
        self._room = -1
        if first and why is not None:
            logger.error(
                "The journal %s %s while it was in use, and another cannot be made (%s). "
                "What was logged before is in this process's memory, and logging is an error until "
                "it can.", self.folder.path, why, error.strerror or error,
            )  # fmt: skip

    def _unsent(self, segments: dict[int, Segment], position: tuple[int, int]) -> Iterator[bytes]:
        """The lines that are not sent: those that are being sent, those on the disk, and the last.

        ``position`` is where those on the disk begin.
        """
        done = self.done + len(self._taken)
        memory = list(self._memory)[max(0, done - self.appended + len(self._memory)) :]
        remembered = self.appended - len(memory)
        yield from self._taken
        for number in sorted(each for each in segments if each >= position[0]):
            following = segments.get(number + 1)
            last = remembered if following is None else min(remembered, following.first - 1)
            if last > done:
                offset = position[1] if number == position[0] else 0
                lines = _whole_lines(segments[number], offset, last - done)
                yield from lines
                yield from [LOST_LINE] * (last - done - len(lines))
                done = last
        yield from memory

    def _copy_files(self, old: ProcessFolder) -> None:
        """Take the copies of files that wait into the new folder, as far as they are there."""
        import shutil

        for name, handle in self._copies.items():
            target = self.folder.files / name
            try:
                target.parent.mkdir(exist_ok=True, mode=0o700)
                if handle is None:
                    shutil.copyfile(old.files / name, target)
                    continue
                with open(os.dup(handle), "rb") as source, target.open("wb") as file:
                    source.seek(0)
                    shutil.copyfileobj(source, file)
            except OSError as error:
                logger.error("A file that waited in %s is lost: %s", old.files, error)

    def close(self) -> None:
        """Close the files, which would keep room on the disk."""
        for segment in self._segments.values():
            segment.close()
        for name, handle in list(self._copies.items()):
            if handle is not None:
                os.close(handle)
                self._copies[name] = None


def _whole_lines(segment: Segment, offset: int, most: int) -> list[bytes]:
    """The lines from an offset on, up to a number or the first that is damaged."""
    found: list[bytes] = []
    try:
        handle = os.open(segment.path, os.O_RDONLY) if segment.handle is None else segment.handle
    except OSError:  # removed, and one of too many to keep open
        return found
    try:
        while len(found) < most:
            lines, offset = lines_at(handle, offset)
            for line in lines:
                if not is_whole(line):
                    return found
                found.append(line + b"\n")
            if not lines:
                break
    finally:
        if segment.handle is None:
            os.close(handle)
    return found[:most]


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
