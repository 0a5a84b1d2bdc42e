"""Reads a run's logs while they grow.

On the job's own machine, the log files are read. Elsewhere, the tracker's copies are read: first
the whole log, and then the parts that the agent sends of a long log.
"""

from __future__ import annotations

import codecs
import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from amlflow.jobs.finding import find_job
from amlflow.jobs.job import BUILD_LOG, LOG, LOG_PART
from amlflow.spec import FileNotInRun, RunRecord, Tracker
from amlflow.tracker_data import parse_line, to_whole

SHARE = 10
"""The pause before a whole log is fetched again, as a multiple of the time of the last fetch."""
MIN_INTERVAL_S = 0.5
CHUNK = 1 << 20


class LogReader:
    """Reads a log of one submitted run in pieces. No piece comes twice, and none is left out.

    The log is the script's output, or with the name :data:`BUILD_LOG` the log of making its
    environment.
    """

    def __init__(self, tracker: Tracker, record: RunRecord, name: str = LOG) -> None:
        self._tracker, self._run_id, self._name = tracker, record.id, name
        folder = find_job(tracker.uri, record)
        self._path = None
        if folder is not None:
            self._path = folder.build_log if name == BUILD_LOG else folder.log
        self._offset = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._next = self._next_part = 0.0
        self._part = 0

    def new(self, last: bool) -> Iterator[str]:
        """Yield the new text since the last call. With ``last``, all the rest."""
        try:
            if not last and self._path is not None:
                with self._path.open("rb") as file:
                    yield from self._read(file)
                return
        except FileNotFoundError:  # the job's folder was removed, or the script has not started
            pass
        if last or time.monotonic() >= self._next:
            before = self._offset
            yield from self._read_whole()
            if not last and self._offset > before:
                return
        if last:
            yield self._decoder.decode(b"", final=True)
        elif self._name == LOG and self._offset and time.monotonic() >= self._next_part:
            yield from self._read_parts()

    def so_far(self) -> Iterator[str]:
        """Yield all the text that there is now."""
        yield from self.new(last=False)
        if self._next:  # the log was not read from this machine's file
            yield from self._read_parts()

    def _read_whole(self) -> Iterator[str]:
        start = time.monotonic()
        with self._fetch(self._name) as file:
            duration = time.monotonic() - start
            self._next = time.monotonic() + max(MIN_INTERVAL_S, SHARE * duration)
            if file is not None:
                yield from self._read(file)

    def _read_parts(self) -> Iterator[str]:
        while True:
            name = LOG_PART.format(number=self._part)
            with self._fetch(name) as file:
                if file is None:
                    self._next_part = time.monotonic() + MIN_INTERVAL_S
                    return
                start = parse_line(self._run_id, name, file, to_whole)
                if start is None or not 0 <= start <= self._offset:
                    return  # only the whole log has the text in between
                self._part += 1
                yield from self._read(file, file.tell() - start)

    @contextlib.contextmanager
    def _fetch(self, name: str) -> Iterator[IO[bytes] | None]:
        """Open a file of the run. Yields None if the run has no file of this name."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "file"
            try:
                self._tracker.get_file(self._run_id, name, path)
            except FileNotInRun:
                yield None
                return
            with path.open("rb") as file:
                yield file

    def _read(self, file: IO[bytes], ahead: int = 0) -> Iterator[str]:
        """Yield a file's text from the offset on. The file begins at ``ahead`` bytes of the log."""
        file.seek(self._offset + ahead)
        while chunk := file.read(CHUNK):
            self._offset += len(chunk)
            text = self._decoder.decode(chunk)
            if text:
                yield text
