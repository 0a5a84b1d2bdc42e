"""A run's files as MLflow artifacts."""

from __future__ import annotations

import posixpath
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from amlflow.spec import FileInRun, FileNotInRun, Refused

from amlflow_mlflow.entities import FileEntry, Run
from amlflow_mlflow.errors import translate_errors
from amlflow_mlflow.local_artifacts import store_files
from amlflow_mlflow.own_paths import check_run_folder
from amlflow_mlflow.spelling import from_path, shorten, to_file_path, to_path
from amlflow_mlflow.store import ArtifactStore, Store, keep_folder

OWN = "amlflow"
"""The name of amlflow's own folder in a run's artifacts."""


def _show_names(run_id: str, files: Mapping[str, Path]) -> str:
    """List the names of some files, for a message."""
    some = ", ".join(repr(shorten(name, 200)) for name in list(files)[:3])
    return f"{some}{' and others' if len(files) > 3 else ''} of run {run_id}"


class Files:
    """The files of runs in the artifact store.

    :mod:`amlflow_mlflow.own_paths` explains which values of a run become a path.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._roots: dict[str, str] = {}
        self._lock = threading.Lock()
        self._upload_locks: dict[str, threading.Lock] = {}

    def _artifacts(self, run_id: str) -> ArtifactStore:
        if run_id not in self._roots:
            self.remember(self._store.get_run(run_id))
        root = self._roots[run_id]
        if self._store.is_server:
            check_run_folder(root, run_id)
        with translate_errors(self._store.uri):
            return self._store.open_artifacts(root)

    def remember(self, run: Run) -> None:
        """Remember the artifact URI of a run, so that it need not be read again."""
        self._roots[run.info.run_id] = run.info.artifact_uri

    def put(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        """Do what :meth:`amlflow.spec.Tracker.put_files` does."""
        artifacts = self._artifacts(run_id)
        names = {to_file_path(name): name for name in files}
        paths = {path: files[name] for path, name in names.items()}
        if artifacts.folder is None:
            with self._upload_lock(run_id):
                if not replace:
                    self._check_new(run_id, artifacts, files)
                with translate_errors(self._store.uri, files=_show_names(run_id, files)):
                    artifacts.put(paths)
            return
        if not replace:
            self._check_new(run_id, artifacts, files)
        with translate_errors(self._store.uri, files=_show_names(run_id, files)):
            taken = store_files(artifacts.folder, paths, replace=replace)
        if taken is not None:
            raise FileInRun(run_id, names[taken])

    def _upload_lock(self, run_id: str) -> threading.Lock:
        """Return the lock of a run's uploads.

        A server cannot refuse a file that exists. So this process checks that before it uploads,
        and only one of its threads may do so at a time.
        """
        with self._lock:
            return self._upload_locks.setdefault(run_id, threading.Lock())

    def _check_new(self, run_id: str, artifacts: ArtifactStore, names: Iterable[str]) -> None:
        """Raise an error if a name exists, or if a part of it is the name of a file."""
        folders: dict[str, dict[str, bool]] = {}
        for name in names:
            folder = ""
            for part in (path := to_file_path(name)).split("/"):
                if folder not in folders:
                    folders[folder] = dict(self._list(artifacts, folder))
                parent = posixpath.join(folder, part)
                is_folder = folders[folder].get(parent)
                if is_folder is None:
                    break
                if parent != path and not is_folder:
                    raise Refused(
                        f"Run {run_id} has a file {from_path(parent)!r}, so {name!r} cannot be "
                        "below it; choose another name."
                    )
                if parent == path and is_folder:
                    raise Refused(
                        f"Run {run_id} has files below {name!r}, so there cannot be a file of this "
                        "name; choose another."
                    )
                if parent == path:
                    raise FileInRun(run_id, name)
                folder = parent

    def _list(self, artifacts: ArtifactStore, folder: str) -> list[FileEntry]:
        with translate_errors(self._store.uri, files=f"the folder {folder!r}"):
            return artifacts.list(folder)

    def check_there(self, run_id: str, name: str) -> None:
        """Raise :class:`Refused` if the run has no file or folder of this name."""
        path = to_path(name)
        folder = posixpath.dirname(path)
        if path not in (entry.path for entry in self._list(self._artifacts(run_id), folder)):
            raise Refused(
                f"Run {run_id} has no file or folder {name!r}; run.get_file_names() lists "
                "its files."
            )

    def names(self, run_id: str, prefix: str = "") -> list[str]:
        """Do what :meth:`amlflow.spec.Tracker.list_files` does."""
        artifacts = self._artifacts(run_id)
        folder = to_path(posixpath.dirname(prefix))
        return sorted(self._walk(run_id, artifacts, folder, prefix))

    def _walk(
        self, run_id: str, artifacts: ArtifactStore, folder: str, prefix: str
    ) -> Iterator[str]:
        for path, is_dir in self._list(artifacts, folder):
            if path == OWN or path.startswith(f"{OWN}/"):
                continue
            name = from_path(path)
            if is_dir and not keep_folder(run_id, path):
                continue
            if is_dir and (name.startswith(prefix) or prefix.startswith(f"{name}/")):
                yield from self._walk(run_id, artifacts, path, prefix)
            elif not is_dir and name.startswith(prefix):
                yield name

    def get(self, run_id: str, name: str, destination: Path) -> None:
        """Do what :meth:`amlflow.spec.Tracker.get_file` does."""
        artifacts = self._artifacts(run_id)
        try:
            path = to_file_path(name)
        except Refused:
            raise FileNotInRun(run_id, name) from None
        with tempfile.TemporaryDirectory(dir=destination.parent) as staging:
            copy = Path(staging) / "file"
            with translate_errors(self._store.uri, files=f"the file {name!r} of run {run_id}"):
                is_there = artifacts.get(path, copy)
            if not is_there:
                raise FileNotInRun(run_id, name)
            shutil.move(copy, destination)

    def read_beginning(self, run_id: str, name: str, count: int) -> bytes | None:
        """Do what :meth:`amlflow.spec.ReadsBeginnings.read_beginning` does."""
        artifacts = self._artifacts(run_id)
        try:
            path = to_file_path(name)
        except Refused:
            return None
        with translate_errors(self._store.uri, files=f"the file {name!r} of run {run_id}"):
            return artifacts.read_beginning(path, count)
