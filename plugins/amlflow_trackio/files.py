"""Files of runs. Their names are in the database, and their contents are in files beside it.

The content of a file has a name that amlflow makes. So no file name of a run becomes a path, and
all files of a call appear at once.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from amlflow.spec import FileInRun, FileNotInRun, Refused, check_file_name

from amlflow_trackio.database import Database
from amlflow_trackio.folders import OWN

_OWN_NAME = re.compile("[0-9a-f]{32}")
"""The form of the names of folders and contents. No other text of the database becomes a path."""
TRIES = 20
"""How often to look for a file that another process is replacing."""


class Files:
    """The files of runs. ``check`` raises an error if a run does not exist."""

    def __init__(self, database: Database, check: Callable[[str], object]) -> None:
        self._database, self._check = database, check
        self._folder = database.folder / OWN / "files"

    def put(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        """Do what :meth:`amlflow.spec.Tracker.put_files` does."""
        self._check(run_id)
        for name in files:
            check_file_name(name)
        with self._store_copies(run_id, files) as blobs:
            old_blobs = []
            with self._database.writing() as connection:
                for name, blob in blobs.items():
                    before = self.blob(connection, run_id, name)
                    if before is not None and not replace:
                        raise FileInRun(run_id, name)
                    if before is not None:
                        old_blobs.append(before)
                    connection.execute(
                        "INSERT OR REPLACE INTO files VALUES (?, ?, ?)", (run_id, name, blob.name)
                    )
        for path in old_blobs:
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _store_copies(self, run_id: str, files: Mapping[str, Path]) -> Iterator[dict[str, Path]]:
        """Copy the files, and give the paths of the copies. An error in the block removes them."""
        if not _OWN_NAME.fullmatch(run_id):
            raise Refused(f"Run {run_id!r} takes no files: its id is not one that amlflow gives.")
        folder = self._folder / run_id
        blobs = {name: folder / uuid.uuid4().hex for name in files}
        try:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                for name, blob in blobs.items():
                    shutil.copyfile(files[name], blob)
            except OSError as error:
                raise Refused(
                    f"A file of run {run_id} could not be stored in {str(folder)!r}: {error}."
                ) from error
            yield blobs
        except BaseException:
            for blob in blobs.values():
                blob.unlink(missing_ok=True)
            raise

    def blob(self, connection: sqlite3.Connection, run_id: str, name: str) -> Path | None:
        """Return the path of a file's content. None if the run does not have the file."""
        row = connection.execute(
            "SELECT blob FROM files WHERE run_id = ? AND name = ?", (run_id, name)
        ).fetchone()
        if row is None:
            return None
        if not all(isinstance(n, str) and _OWN_NAME.fullmatch(n) for n in (row[0], run_id)):
            raise Refused(
                f"The file {name!r} of run {run_id} is kept as {row[0]!r}, which is not a name "
                "that amlflow gives."
            )
        content: Path = self._folder / run_id / row[0]
        return content

    def names(self, run_id: str, prefix: str = "") -> list[str]:
        """Do what :meth:`amlflow.spec.Tracker.list_files` does."""
        self._check(run_id)
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT name FROM files WHERE run_id = ? ORDER BY name", (run_id,)
            ).fetchall()
        return [name for (name,) in rows if isinstance(name, str) and name.startswith(prefix)]

    def get(self, run_id: str, name: str, destination: Path) -> None:
        """Do what :meth:`amlflow.spec.Tracker.get_file` does."""
        self._check(run_id)
        for _ in range(TRIES):
            with self._database.reading() as connection:
                blob = self.blob(connection, run_id, name)
            if blob is None:
                raise FileNotInRun(run_id, name)
            with contextlib.suppress(FileNotFoundError), blob.open("rb") as source:
                with destination.open("wb") as target:
                    shutil.copyfileobj(source, target)
                return
        raise Refused(f"The file {name!r} of run {run_id} is gone from {str(self._folder)!r}.")
