"""The records of one process: appended to files of a fixed size, from which another sends them.

A record that is written is in the system's cache, where it outlives the process. It is written by a
system call that keeps Python's lock (``system_write.py``): one that hands it over would wait for
the thread that sends. A map of the file would be quicker, but a process that writes to a map dies
when the file is cut. A file's room is reserved when it is made, so a full disk is an error
then, and never later.

What is not sent yet is in memory, too, as far as it is recent, and its files stay open. Where
they are removed or cut, it goes on from there into a new folder.
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
"""How often it is looked whether the folder is still there."""
MAX_MEMORY = 2 << 20
"""Bytes of records that are kept in memory, too, until they are sent."""
MAX_OPEN = 64
"""How many files of records stay open while they wait."""
MAX_LINES = 10_000
"""How many lines are taken at once from the disk."""
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What an error says where the disk, or what the user may have of it, is full."""


class JournalFull(ServiceException):
    """What was to be logged could not be written down here, so it was not logged."""


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
            # The file was cut, so that its room is not reserved any more, and the disk is full.
            self._room = 0
            raise self._make_error(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
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
        """Of very many that wait, close the newest ones that are written to their end."""
        numbers = [n for n, segment in self._segments.items() if segment.handle is not None]
        if len(numbers) > MAX_OPEN:
            self._segments[numbers[-2]].close()

    def _make_error(self, error: OSError) -> JournalFull:
        return JournalFull(
            f"This could not be logged: the journal in {self.folder.path} cannot grow "
            f"({error.strerror or error}). Free some space there, or let AMLFLOW_JOURNAL_FOLDER "
            "name another folder. What was logged before is kept."
        )

    def _check_room(self, added_size: int) -> None:
        size = sum(segment.size for segment in self._segments.values()) + self._copies.size
        if size + added_size > self._max_bytes:
            raise JournalFull(
                f"This could not be logged: {self._max_bytes / 1e6:g} MB wait in "
                f"{self.folder.path} for the tracker already, and {MAX_MB_SETTING} allows no more. "
                "What was logged before is kept; see to the tracker, or raise the limit."
            )

    # copies of files

    def keep_file(self, source: Path, name: str) -> None:
        """Copy a file that waits to ``files/``. Raises :class:`JournalFull`."""
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
                if target.parent == self.folder.files:  # the folder is not at fault
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
        """The file has been sent."""
        with self._lock:
            self._copies.forget(name)  # Windows removes no open file
        with contextlib.suppress(FileNotFoundError):
            (self.folder.files / name).unlink()

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
            last_on_disk = self.appended - len(self._memory)
            if self.done < last_on_disk:
                self._taken_lines = self._read_stored(last_on_disk)
            else:
                sizes = itertools.accumulate(map(len, self._memory))
                count = sum(1 for _ in itertools.takewhile(WINDOW.__gt__, sizes))
                self._taken_lines = list(itertools.islice(self._memory, max(1, count)))
            return self._taken_lines

    def _read_stored(self, last_record: int) -> list[bytes]:
        """Some of the lines up to a number, from the disk."""
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
        """The segment and the offset of a record, from those of the end of the record before."""
        number, offset = end
        while (next_segment := self._segments.get(number + 1)) and next_segment.first <= record:
            number, offset = number + 1, 0
        return number, offset

    def _position_after(self, lines: list[bytes]) -> tuple[int, int]:
        """The segment and the offset after the lines that come next."""
        end = self._position
        for record, line in enumerate(lines, self.done + 1):
            number, offset = self._position_of(record, end)
            end = number, offset + len(line)
        return end

    def mark_sent(self) -> None:
        """The lines that were taken have been sent, or are kept elsewhere."""
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

    # where the folder is gone

    def check(self) -> None:
        """Go on in another folder if this one has been removed, replaced or cut."""
        with self._lock:
            self._check()

    def _check(self) -> None:
        self._next_check = monotonic() + CHECK_S
        if self._sealed and self.done == self.appended:
            return  # this process has removed it
        damage = "is gone" if self._homeless is not None else self._find_damage()
        if damage is not None:
            self._move(damage)

    def _find_damage(self) -> str | None:
        return self.folder.damage() or next(
            filter(None, map(Segment.damage, self._segments.values())), None
        )

    def _move(self, why: str) -> None:
        """Take what is not sent into another folder; if there can be none, keep it in memory."""
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
                "What was logged before is in this process's memory, and logging is an error until "
                "it can.", self.folder.path, why, error.strerror or error,
            )  # fmt: skip

    def _iter_unsent(
        self, segments: dict[int, Segment], position: tuple[int, int]
    ) -> Iterator[bytes]:
        """The lines that are not sent: those that are being sent, those on the disk, and the last.

        ``position`` is where those on the disk begin.
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
        """Close the files, which would keep room on the disk."""
        for segment in self._segments.values():
            segment.close()
        self._copies.close()
