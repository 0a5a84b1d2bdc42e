"""A folder with a file for each run of a set, such as the running or the dead runs.

A run's id comes from a tracker, so it may be any text. It is never used as a path. The file's name
is the quoted id. If that cannot be a file name (``..``, or a very long id), the file contains the
id.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from urllib.parse import quote, unquote

from amlflow.systems import BINARY

MAX_NAME = 200
INSIDE = "="
"""The first character of the name of a file that contains the id. No quoted id begins with it."""


class RunMarks:
    """A set of runs: those that have a file in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, run_id: str) -> None:
        """Add a run. Raises :class:`OSError` if the folder cannot be written to."""
        name = file_name(run_id)
        path = self.folder / name
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | BINARY, 0o600)
        try:
            if name.startswith(INSIDE):
                os.write(handle, run_id.encode(errors="surrogatepass"))
        finally:
            os.close(handle)

    def remove(self, run_id: str) -> None:
        """Remove a run. Raises :class:`OSError` if the folder cannot be written to."""
        (self.folder / file_name(run_id)).unlink(missing_ok=True)

    def names(self) -> set[str]:
        """List the names of the files. Raises :class:`OSError` if the folder cannot be read."""
        return set(os.listdir(self.folder))

    def runs(self) -> list[str]:
        """List the ids of the runs. Empty if the folder cannot be read."""
        runs = []
        with contextlib.suppress(OSError):
            for name in self.names():
                with contextlib.suppress(OSError, UnicodeDecodeError):
                    runs.append(self._run_of(name))
        return sorted(runs)

    def _run_of(self, name: str) -> str:
        if name.startswith(INSIDE):
            return (self.folder / name).read_bytes().decode(errors="surrogatepass")
        return unquote(name, errors="surrogatepass")


def file_name(run_id: str) -> str:
    """Return the name of a run's file."""
    name = quote(run_id, safe="", errors="surrogatepass")
    if name.strip(".") and len(name) <= MAX_NAME:
        return name
    return INSIDE + hashlib.sha256(run_id.encode(errors="surrogatepass")).hexdigest()
