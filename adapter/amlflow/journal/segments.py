"""The records of one process, in files of a fixed size. One thread appends, another sends.

A written record is in the system's cache, so it survives the process. It is written by a system
call that keeps Python's lock (``system_write.py``). A call that releases the lock would have to
wait for the sending thread to get it back. A memory map would be faster, but a process that writes
to a map dies if somebody cuts the file. The space of a file is reserved when it is made, so a full
disk is an error at that time and never later.

Recent records that are not sent are also in memory, and their files stay open. If the files are
removed or cut, the records are written from there into a new folder.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from amlflow.exceptions import ServiceException
from amlflow.journal.file_copies import FileCopies
from amlflow.journal.record import LOST_LINE
from amlflow.journal.segment_files import WINDOW, Segment, segment_path, sync
from amlflow.journal.settings import MAX_MB_SETTING
from amlflow.journal.system_write import write

if TYPE_CHECKING:
    from amlflow.journal.folder import ProcessFolder

logger = logging.getLogger("amlflow")

SIZE = 1 << 20
PAGE = 4096
CHECK_S = 0.5
"""How often to look whether the folder still exists."""
MAX_MEMORY = 2 << 20
"""How many bytes of unsent records are also kept in memory."""
MAX_OPEN = 64
"""How many files of records are kept open while they wait."""
MAX_LINES = 10_000
"""How many lines are read from the disk at once."""
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error numbers for a full disk, quota or file."""


class JournalFull(ServiceException):
    """A value could not be written to the journal, so it was not logged."""


class Segments:
    """The records of this process: appended here, and read again to be sent.

    ``make_folder`` makes another folder if the first one is gone. After :meth:`rest` has returned
    True, the next append calls ``wake``.
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
        self._copies = FileCopies(fsync=fsync)
        self._memory: deque[bytes] = deque()
        self._memory_size = 0
        self._position = (1, 0)
        self._taken_lines: list[bytes] = []
        self._resting = True
        self._sealed = False
        self._homeless: OSError | None = None
        self._moving = False
        self._next_check = monotonic() + CHECK_S
        self._handle = -1
        self._end = self._room = 0
        self.number = 0
        """The number of the segment that is being written."""
        self.appended = 0
        """How many records were appended."""
        self.done = 0
        """How many of them are sent, refused or held."""

    def append(self, line: bytes) -> int:
        """Write a record so that it survives this process. Returns its number, from 1.

        Raises :class:`JournalFull`; the record is not written then.
        """
        with self._lock:
            if monotonic() > self._next_check:
                self._check()
            self._put(line, self.appended + 1)
            self.appended += 1
            self._memory.append(line)
            self._memory_size += len(line)
            if self._memory_size > MAX_MEMORY:
                self._memory_size -= len(self._memory.popleft())
            if self._resting:
                self._resting = False
                self._wake()
            return self.appended

    def _put(self, line: bytes, number: int) -> None:
        size = len(line)
        if self._end + size > self._room:
            self._start_segment(size, number)
        if write(self._handle, line, size) != size:
            # Somebody cut the file, so its reserved space is gone, and the disk is full.
            self._room = 0
            raise self._make_error(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        self._end += size
        if self._fsync:
            sync(self._handle)

    @property
    def is_homeless(self) -> bool:
        """Whether unsent records are in this process's memory only."""
        return self._homeless is not None

    def seal(self) -> int:
        """Accept no more records. Returns how many were appended."""
        with self._lock:
            self._sealed, self._room = True, -1
            return self.appended

    def _start_segment(self, min_size: int, number: int) -> None:
        if self._sealed:
            raise JournalFull("This could not be logged: the process is at its end.")
        if self._homeless is not None:
            self._move("is gone")
            if self._homeless is not None:
                raise self._make_error(self._homeless)
            if self._end + min_size <= self._room:
                return
        size = max(SIZE, -(-min_size // PAGE) * PAGE)
        self._check_room(size)
        try:
            path = segment_path(self.folder.path, self.number + 1)
            segment = Segment.make(path, size, number, fsync=self._fsync)
        except OSError as error:
            if self._moving or error.errno in NO_ROOM:
                raise self._make_error(error) from error
            self._move(f"cannot be written to ({error.strerror or error})")
            if self._homeless is not None:
                raise self._make_error(self._homeless) from error
            if self._end + min_size > self._room:
                self._start_segment(min_size, number)
            return
        self.number += 1
        self._segments[self.number] = segment
        self._handle, self._end, self._room = segment.handle or -1, 0, size
        self._close_some()

    def _close_some(self) -> None:
        """If very many files wait, close the newest complete one."""
        numbers = [n for n, segment in self._segments.items() if segment.handle is not None]
        if len(numbers) > MAX_OPEN:
            self._segments[numbers[-2]].close()

    def _make_error(self, error: OSError) -> JournalFull:
        return JournalFull(
            f"This could not be logged: the journal in {self.folder.path} cannot grow "
            f"({error.strerror or error}). Free some space there, or set AMLFLOW_JOURNAL_FOLDER "
            "to another folder. What was logged before is kept."
        )

    def _check_room(self, added_size: int) -> None:
        size = sum(segment.size for segment in self._segments.values()) + self._copies.size
        if size + added_size > self._max_bytes:
            raise JournalFull(
                f"This could not be logged: {self._max_bytes / 1e6:g} MB already wait for the "
                f"tracker in {self.folder.path}, and {MAX_MB_SETTING} allows no more. "
                "What was logged before is kept. Check the tracker, or raise the limit."
            )

    # copies of files

    def keep_file(self, source: Path, name: str) -> None:
        """Copy a file to ``files/``, to be sent later. Raises :class:`JournalFull`."""
        size = source.stat().st_size
        with self._lock:
            self._check()
            self._check_room(size)
            self._copies.add(name, size)
            target = self.folder.files / name
        while True:
            try:
                self._copies.write(source, target)
            except OSError as error:
                self.check()
                if target.parent == self.folder.files:  # the folder was not lost
                    with self._lock:
                        self._copies.forget(name)
                    if error.errno not in NO_ROOM:
                        raise
                    raise self._make_error(error) from error
            with self._lock:
                if target.parent == self.folder.files:
                    self._copies.keep_open(target)
                    return
                target = self.folder.files / name

    def drop_file(self, name: str) -> None:
        """Remove the copy of a file that was sent."""
        with self._lock:
            self._copies.forget(name)  # Windows cannot remove an open file
        with contextlib.suppress(FileNotFoundError):
            (self.folder.files / name).unlink()

    # for the sending thread

    def rest(self) -> bool:
        """Whether all records are sent. If so, the next append calls ``wake``."""
        with self._lock:
            self._resting = self.appended == self.done
            return self._resting

    def take(self) -> list[bytes]:
        """Return some of the lines to be sent next. Empty if there are none."""
        with self._lock:
            self._check()
            last_on_disk = self.appended - len(self._memory)
            if self.done < last_on_disk:
                self._taken_lines = self._read_stored(last_on_disk)
            else:
                sizes = itertools.accumulate(map(len, self._memory))
                count = sum(1 for _ in itertools.takewhile(WINDOW.__gt__, sizes))
                self._taken_lines = list(itertools.islice(self._memory, max(1, count)))
            return self._taken_lines

    def _read_stored(self, last_record: int) -> list[bytes]:
        """Read some of the lines up to a record from the disk."""
        number, offset = self._position = self._position_of(self.done + 1, self._position)
        next_segment = self._segments.get(number + 1)
        if next_segment is not None:
            last_record = min(last_record, next_segment.first - 1)
        lines = self._segments[number].whole_lines(offset, min(last_record - self.done, MAX_LINES))
        if not lines:
            self._move("was cut")
            return self.take()
        return lines

    def _position_of(self, record: int, end: tuple[int, int]) -> tuple[int, int]:
        """Find the segment and offset of a record. ``end`` is the end of the previous record."""
        number, offset = end
        while (next_segment := self._segments.get(number + 1)) and next_segment.first <= record:
            number, offset = number + 1, 0
        return number, offset

    def _position_after(self, lines: list[bytes]) -> tuple[int, int]:
        """Find the segment and offset after the next lines, which are ``lines``."""
        end = self._position
        for record, line in enumerate(lines, self.done + 1):
            number, offset = self._position_of(record, end)
            end = number, offset + len(line)
        return end

    def mark_sent(self) -> None:
        """Mark the lines that :meth:`take` returned as sent, refused or held."""
        with self._lock:
            self._position = number, offset = self._position_after(self._taken_lines)
            self.done += len(self._taken_lines)
            self._taken_lines = []
            while len(self._memory) > self.appended - self.done:
                self._memory_size -= len(self._memory.popleft())
            if self._homeless is not None:
                return
            try:
                self.folder.note_sent(number, offset)
                for old_number in [n for n in self._segments if n < number]:
                    segment = self._segments.pop(old_number)
                    segment.close()
                    segment.path.unlink(missing_ok=True)
            except OSError as error:
                self._move(f"cannot be written to ({error.strerror or error})")

    # if the folder is gone

    def check(self) -> None:
        """Continue in another folder if this one was removed, replaced or cut."""
        with self._lock:
            self._check()

    def _check(self) -> None:
        self._next_check = monotonic() + CHECK_S
        if self._sealed and self.done == self.appended:
            return  # this process has removed the folder itself
        damage = "is gone" if self._homeless is not None else self._find_damage()
        if damage is not None:
            self._move(damage)

    def _find_damage(self) -> str | None:
        return self.folder.damage() or next(
            filter(None, map(Segment.damage, self._segments.values())), None
        )

    def _move(self, why: str) -> None:
        """Write the unsent records into another folder; if there is none, keep them in memory."""
        old_folder, segments = self.folder, self._segments
        lines = self._iter_unsent(segments, self._position_after(self._taken_lines))
        try:
            self.folder = self._make_folder(old_folder)
        except OSError as error:
            self._keep_in_memory(lines, error, why)
            return
        if self._homeless is None:
            logger.warning(
                "The journal %s %s while it was in use; what waits for the tracker is in %s now.",
                old_folder.path, why, self.folder.path,
            )  # fmt: skip
        self._homeless = None
        self._segments, self._position = {}, (1, 0)
        self.number = self._end = 0
        if not self._sealed:
            self._room = 0
        self._write_anew(lines)
        self._copies.move(old_folder.files, self.folder.files)
        for segment in segments.values():
            segment.close()
        old_folder.leave_to_others()

    def _write_anew(self, lines: Iterator[bytes]) -> None:
        was_sealed, self._sealed = self._sealed, False
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
            if was_sealed:
                self._sealed, self._room = True, -1

    def _keep_in_memory(
        self, lines: Iterator[bytes], error: OSError, why: str | None = None
    ) -> None:
        is_first = self._homeless is None
        self._homeless = error
        self._memory = deque(lines)
        self._memory_size = sum(map(len, self._memory))
        self._room = -1
        if is_first and why is not None:
            logger.error(
                "The journal %s %s while it was in use, and another cannot be made (%s). "
                "What was logged before is in this process's memory. Logging raises an error until "
                "a folder can be made.", self.folder.path, why, error.strerror or error,
            )  # fmt: skip

    def _iter_unsent(
        self, segments: dict[int, Segment], position: tuple[int, int]
    ) -> Iterator[bytes]:
        """Yield the unsent lines: those that are being sent, on the disk, and in memory.

        ``position`` is where the lines on the disk begin.
        """
        last_sent = self.done + len(self._taken_lines)
        memory = list(self._memory)[max(0, last_sent - self.appended + len(self._memory)) :]
        last_on_disk = self.appended - len(memory)
        yield from self._taken_lines
        for number in sorted(number for number in segments if number >= position[0]):
            next_segment = segments.get(number + 1)
            last_record = (
                last_on_disk if next_segment is None else min(last_on_disk, next_segment.first - 1)
            )
            if last_record > last_sent:
                offset = position[1] if number == position[0] else 0
                lines = segments[number].whole_lines(offset, last_record - last_sent)
                yield from lines
                yield from [LOST_LINE] * (last_record - last_sent - len(lines))
                last_sent = last_record
        yield from memory

    def close(self) -> None:
        """Close the files, as open ones would keep disk space."""
        for segment in self._segments.values():
            segment.close()
        self._copies.close()
