"""A folder with a file for each run of a set: the runs of a process, or those that are dead.

A run's id comes from a tracker, so it may be any text. It never becomes a path: it is quoted, and
an id that cannot be a file's name (``..``, or a very long one) is in the file instead.
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
"""How the name of a file begins that has the id in it; no quoted id begins so."""


class RunMarks:
    """The runs that a folder has files for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, run_id: str) -> None:
        """Raises :class:`OSError` where the folder is not there or cannot be written to."""
        name = file_name(run_id)
        path = self.folder / name
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | BINARY, 0o600)
        try:
            if name.startswith(INSIDE):
                os.write(handle, run_id.encode(errors="surrogatepass"))
        finally:
            os.close(handle)

    def remove(self, run_id: str) -> None:
        """Raises :class:`OSError` where the folder cannot be written to."""
        (self.folder / file_name(run_id)).unlink(missing_ok=True)

    def names(self) -> set[str]:
        """The names of the files. Raises :class:`OSError` where the folder cannot be read."""
        return set(os.listdir(self.folder))

    def runs(self) -> list[str]:
        """The ids of the runs; none where the folder cannot be read."""
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
    """The name of a run's file."""
    name = quote(run_id, safe="", errors="surrogatepass")
    if name.strip(".") and len(name) <= MAX_NAME:
        return name
    return INSIDE + hashlib.sha256(run_id.encode(errors="surrogatepass")).hexdigest()
