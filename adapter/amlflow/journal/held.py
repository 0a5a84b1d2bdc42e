"""Runs that the tracker does not accept for now. Their records wait in a file for each run.

Two examples: the tracker refuses your credentials for one experiment only, or it fails at one
record again and again. The records of such a run are kept in order, in a file of their own, until
the tracker accepts them. The other runs go on. Each line of the file is a record with its number.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from amlflow.exceptions import AuthenticationException, AzureMLException
from amlflow.journal.folder import ProcessFolder
from amlflow.journal.record import Numbered, record_of, to_line
from amlflow.journal.segment_files import number_of, read_lines_at, to_disk
from amlflow.systems import BINARY


@dataclass(slots=True)
class HeldRun:
    """A run's file, the number of its first waiting record, and why it is held."""

    path: Path
    handle: int
    first: int
    error: AzureMLException | None = None
    count: int = 0
    """How many records wait."""
    offset: int = 0
    """Up to which offset of the file this process has sent the records."""
    files: list[str] = field(default_factory=list)
    """Copies of files that are sent. They are removed together with this file."""

    def read(self, offset: int) -> tuple[list[Numbered], int]:
        """Read some records from an offset on. Also returns the offset after them.

        The list is empty after the last record.
        """
        lines, end = read_lines_at(self.handle, offset)
        # An incomplete line was being written when its process died. Its segment still has it.
        entries = [(len(line), record_of(line)) for line in lines]
        return [Numbered(record[0], record[1], size) for size, record in entries if record], end

    def read_all(self) -> list[Numbered]:
        """Read all records that wait."""
        records, offset = [], self.offset
        while (batch := self.read(offset))[1] > offset:
            records += batch[0]
            offset = batch[1]
        return records


class HeldRuns:
    """The held runs of one process."""

    def __init__(self, folder: ProcessFolder, *, fsync: bool = False) -> None:
        self._folder, self._fsync = folder, fsync
        self._lock = threading.RLock()
        self._runs: dict[str, HeldRun] = {}
        self._last_number = 0
        for path in folder.held_files():
            run = HeldRun(path, os.open(path, os.O_RDWR | os.O_APPEND | BINARY), 0)
            records = run.read_all()
            run.count = len(records)
            self._runs[records[0].record[1] or "" if records else ""] = run
            self._last_number = number_of(path)

    def __iter__(self) -> Iterator[str]:
        """The ids of the runs, in the order in which to try them."""
        return iter(list(self._runs))

    @property
    def count(self) -> int:
        """How many records wait."""
        return sum(run.count for run in list(self._runs.values()))

    def why(self, number: int, run_id: str | None = None) -> AzureMLException | None:
        """Return the error because of which a record up to a number is held; None if none is held.

        ``run_id`` limits this to one run.
        """
        for held_id, run in list(self._runs.items()):
            if run_id in (None, held_id) and run.first <= number:
                return run.error or AuthenticationException("The tracker does not take it now.")
        return None

    def error(self, run_id: str) -> AzureMLException | None:
        """Return the error because of which a run is held."""
        return self._runs[run_id].error

    def hold(
        self, run_id: str, records: Sequence[Numbered], error: AzureMLException | None
    ) -> None:
        """Keep records of a run until the tracker accepts them, also after this process ends."""
        with self._lock:
            run = self._runs.get(run_id)
            if run is None:
                path, handle = self._new_file()
                run = self._runs[run_id] = HeldRun(path, handle, records[0].number)
            self._write(run, records)
            run.count += len(records)
            run.error = error or run.error

    def _new_file(self) -> tuple[Path, int]:
        path = self._folder.held_file(self._last_number + 1)
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | BINARY, 0o600)
        self._last_number += 1
        return path, handle

    def _write(self, run: HeldRun, records: Sequence[Numbered]) -> None:
        view = memoryview(b"".join(to_line([record.number, record.record]) for record in records))
        while view:
            view = view[os.write(run.handle, view) :]
        if self._fsync:
            os.fsync(run.handle)
            to_disk(run.path.parent)

    def waiting(self, run_id: str) -> Iterator[list[Numbered]]:
        """Yield a run's records in batches. Asking for the next one marks the last one as sent."""
        run = self._runs[run_id]
        while True:
            with self._lock:
                start = run.offset
                records, end = run.read(start)
            if end == start:
                return
            yield records
            with self._lock:  # add to the offset: `move` may have begun a new file at this record
                run.offset += end - start
                run.count -= len(records)

    def skip(self, run_id: str, records: Sequence[Numbered], number: int) -> None:
        """Mark the records before a number as sent. ``records`` is the last batch."""
        sent = list(itertools.takewhile(lambda record: record.number < number, records))
        with self._lock:
            run = self._runs[run_id]
            run.offset += sum(record.size for record in sent)
            run.count -= len(sent)

    def note_files(self, run_id: str, names: list[str]) -> None:
        """Note copies of files that are not needed once the whole run is sent."""
        self._runs[run_id].files += names

    def postpone(self, run_id: str, error: AzureMLException) -> None:
        """Put a run behind the others: the tracker still does not accept it."""
        with self._lock:
            run = self._runs.pop(run_id)
            run.error = error
            self._runs[run_id] = run

    def release(self, run_id: str) -> list[str]:
        """Forget a run whose records are all sent. Returns the copies of its files."""
        with self._lock:
            run = self._runs.pop(run_id)
            os.close(run.handle)
            run.path.unlink(missing_ok=True)
            return run.files

    def move(self, folder: ProcessFolder) -> int:
        """Move all readable records into another folder. Returns how many were lost."""
        with self._lock:
            self._folder, self._last_number, lost_count = folder, 0, 0
            for run in self._runs.values():
                records, old_handle = run.read_all(), run.handle
                run.path, run.handle = self._new_file()
                os.close(old_handle)
                run.offset = 0
                self._write(run, records)
                lost_count += run.count - len(records)
                run.count = len(records)
        return lost_count

    def close(self) -> None:
        """Close the files: in a child process, or when the folder is left to others."""
        for run in self._runs.values():
            os.close(run.handle)
        self._runs.clear()
