"""A file system of fsspec for a datastore whose files are stored in the tracker.

They are the files of one run in an experiment of amlflow's own. So every tracker can store them, in
the place of its artifacts, and with its users and permissions.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, ClassVar

from fsspec import AbstractFileSystem

from amlflow.own_runs import OwnRuns
from amlflow.spec import FileNotInRun, Tracker

EXPERIMENT = "amlflow.datastores"


class TrackerFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """The files of a run. A folder exists if it has a file. Files cannot be removed."""

    protocol: ClassVar[str] = "amlflow"
    cachable = False

    def __init__(self, tracker: Tracker, name: str) -> None:
        super().__init__()
        self._tracker, self._name = tracker, name
        self._run_id: str | None = None

    def _find_run(self) -> str | None:
        """Return the id of the run that has the files; None if no file has been stored yet."""
        if self._run_id is None:
            run = OwnRuns(self._tracker, EXPERIMENT).get(self._name)
            self._run_id = None if run is None else run.id
        return self._run_id

    def _ensure_run(self) -> str:
        """Return the id of the run that has the files. If there is none, one process makes it."""
        run_id = self._find_run()
        if run_id is None:
            runs = OwnRuns(self._tracker, EXPERIMENT)
            run_id = self._run_id = runs.ensure(self._name, name=self._name).id
        return run_id

    def _list_files(self, path: str) -> list[str]:
        run_id = self._find_run()
        return [] if run_id is None else list(self._tracker.list_files(run_id, path))

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(path).strip("/")

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        """Return the files and folders in a folder."""
        path = self._strip_protocol(path)
        prefix = f"{path}/" if path else ""
        entries: dict[str, dict[str, Any]] = {}
        for name in self._list_files(path):
            if name == path:
                entries[name] = {"name": name, "type": "file", "size": None}
            elif name.startswith(prefix):
                child, _, rest = name[len(prefix) :].partition("/")
                kind = "directory" if rest else "file"
                entries[prefix + child] = {"name": prefix + child, "type": kind, "size": None}
        if not entries and path:
            raise FileNotFoundError(path)
        return list(entries.values()) if detail else list(entries)

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        """Return whether a path is a file or a folder. Raises FileNotFoundError."""
        path = self._strip_protocol(path)
        names = self._list_files(path)
        if path in names:
            return {"name": path, "type": "file", "size": None}
        if not path or any(name.startswith(f"{path}/") for name in names):
            return {"name": path, "type": "directory", "size": 0}
        raise FileNotFoundError(path)

    def find(
        self,
        path: str,
        maxdepth: Any = None,
        withdirs: bool = False,
        detail: bool = False,
        **_: Any,
    ) -> Any:
        """Return all files below a path, with one call to the tracker."""
        if maxdepth is not None or withdirs:
            return super().find(path, maxdepth=maxdepth, withdirs=withdirs, detail=detail)
        path = self._strip_protocol(path)
        names = [
            name
            for name in self._list_files(path)
            if not path or name == path or name.startswith(f"{path}/")
        ]
        if not detail:
            return names
        return {name: {"name": name, "type": "file", "size": None} for name in names}

    def mkdir(self, path: str, create_parents: bool = True, **kwargs: Any) -> None:
        """Do nothing: a folder exists if it has a file."""

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Do nothing: a folder exists if it has a file."""

    def get_file(self, rpath: str, lpath: str, **kwargs: Any) -> None:
        """Write a file to a local path."""
        path = self._strip_protocol(rpath)
        run_id = self._find_run()
        if run_id is None:
            raise FileNotFoundError(path)
        try:
            self._tracker.get_file(run_id, path, Path(lpath))
        except FileNotInRun:
            raise FileNotFoundError(path) from None

    def head(self, path: str, size: int = 1024) -> bytes:
        """Return the first bytes of a file. If possible, the rest of the file is not fetched."""
        name = self._strip_protocol(path)
        run_id, method = self._find_run(), getattr(self._tracker, "read_beginning", None)
        beginning: bytes | None = None
        if run_id is not None and method is not None:
            beginning = method(run_id, name, size)
        return bytes(super().head(path, size)) if beginning is None else beginning

    def put_file(self, lpath: str, rpath: str, **kwargs: Any) -> None:
        """Store a local file. It replaces a file of the same path."""
        self.put_all({self._strip_protocol(rpath): Path(lpath)})

    def put_all(self, files: Mapping[str, Path]) -> None:
        """Store local files by their paths, with one call to the tracker."""
        self._tracker.put_files(self._ensure_run(), files, replace=True)

    def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> IO[bytes]:
        path = self._strip_protocol(path)
        if mode == "rb":
            handle, copy = tempfile.mkstemp()
            os.close(handle)
            try:
                self.get_file(path, copy)
                file = _Copy(copy)
            except BaseException:
                os.unlink(copy)
                raise
            with contextlib.suppress(PermissionError):  # Windows does not remove an open file
                os.unlink(copy)
            return io.BufferedReader(file)
        raise NotImplementedError(f"{mode!r}: files are stored whole, with put_file")


class _Copy(io.FileIO):
    """A local copy of a file. It is removed when it is closed, or earlier."""

    def close(self) -> None:
        was_open = not self.closed
        super().close()
        if was_open:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.name)
