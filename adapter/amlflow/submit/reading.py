"""Reads a run's logs while they grow: on the job's own machine from its file, else as artifacts."""

from __future__ import annotations

import codecs
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from amlflow.spec import FileNotInRun, RunRecord, Tracker
from amlflow.submit.job import LOG
from amlflow.submit.watch import job_here

SHARE = 10
"""A log is fetched again after so many times as long as it took: the whole file comes each time."""
LEAST_SECONDS = 0.5
CHUNK = 1 << 20


class LogReader:
    """The log of one submitted run, in pieces, none twice and none left out."""

    def __init__(self, tracker: Tracker, record: RunRecord) -> None:
        self._tracker, self._run_id = tracker, record.id
        folder = job_here(record)
        self._path = None if folder is None else folder.log
        self._offset = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._next = 0.0

    def new(self, last: bool) -> Iterator[str]:
        """What has come since; with ``last``, all that is left."""
        try:
            if not last and self._path is not None:
                with self._path.open("rb") as file:
                    yield from self._read(file)
                return
        except FileNotFoundError:  # its end is being stored, or it has not begun
            pass
        if not last and time.monotonic() < self._next:
            return
        yield from self._fetched()
        if last:
            yield self._decoder.decode(b"", final=True)

    def _fetched(self) -> Iterator[str]:
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "log"
            try:
                self._tracker.get_file(self._run_id, LOG, path)
            except FileNotInRun:
                self._next = time.monotonic() + LEAST_SECONDS
                return
            taken = time.monotonic() - begun
            self._next = time.monotonic() + max(LEAST_SECONDS, SHARE * taken)
            with path.open("rb") as file:
                yield from self._read(file)

    def _read(self, file: IO[bytes]) -> Iterator[str]:
        file.seek(self._offset)
        while chunk := file.read(CHUNK):
            self._offset += len(chunk)
            text = self._decoder.decode(chunk)
            if text:
                yield text
