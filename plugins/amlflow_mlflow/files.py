"""A run's files as MLflow artifacts."""

from __future__ import annotations

import os
import posixpath
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from amlflow.spec import FileInRun, FileNotInRun, Refused
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.utils.uri import append_to_uri_path

from amlflow_mlflow.errors import translated
from amlflow_mlflow.local_artifacts import store_files
from amlflow_mlflow.own_paths import check_run_folder
from amlflow_mlflow.private import SERVER_DESTINATION
from amlflow_mlflow.proxied_artifacts import open_repository
from amlflow_mlflow.spelling import from_path, shorten, to_file_path, to_path
from amlflow_mlflow.store import Store

# Where tqdm is installed, MLflow would draw a bar for every file into a log that is followed.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

OWN = "amlflow"
"""The folder of a run's artifacts that is amlflow's own."""

SERVED = "mlflow-artifacts:/"


def _reachable(root: str) -> str:
    """Where artifacts are; the server's own processes go where it puts what clients send it."""
    destination = os.environ.get(SERVER_DESTINATION)
    if destination is None or not root.startswith(SERVED):
        return root
    return str(append_to_uri_path(destination, urlsplit(root).path.lstrip("/")))


def _shown(run_id: str, files: Mapping[str, Path]) -> str:
    """The names of some files, for a message."""
    some = ", ".join(repr(shorten(name, 200)) for name in list(files)[:3])
    return f"{some}{' and others' if len(files) > 3 else ''} of run {run_id}"


class Files:
    """Moves files between this machine and the artifact store.

    What of a run becomes a path is told in :mod:`amlflow_mlflow.own_paths`.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._roots: dict[str, str] = {}
        self._lock = threading.Lock()
        self._upload_locks: dict[str, threading.Lock] = {}

    def _repository(self, run_id: str) -> Any:
        if run_id not in self._roots:
            self.remember(self._store.get_run(run_id))
        root = _reachable(self._roots[run_id])
        if self._store.server is not None:
            check_run_folder(root, run_id)
        with translated(self._store.uri):
            return open_repository(root, self._store)

    def remember(self, run: Any) -> None:
        """Keep where a run's files are, which saves asking for it again."""
        self._roots[run.info.run_id] = run.info.artifact_uri

    def put(self, run_id: str, files: Mapping[str, Path], *, replace: bool = False) -> None:
        """See :meth:`amlflow.spec.Tracker.put_files`."""
        repository = self._repository(run_id)
        if not isinstance(repository, LocalArtifactRepository):
            with self._upload_lock(run_id):
                self._upload(run_id, repository, files, replace=replace)
            return
        if not replace:
            self._check_new(run_id, repository, files)
        names = {to_file_path(name): name for name in files}
        paths = {path: files[name] for path, name in names.items()}
        with translated(self._store.uri, files=_shown(run_id, files)):
            taken = store_files(Path(repository.artifact_dir), paths, replace=replace)
        if taken is not None:
            raise FileInRun(run_id, names[taken])

    def _upload_lock(self, run_id: str) -> threading.Lock:
        """A server cannot store a file only if it is new, so this process's threads take turns."""
        with self._lock:
            return self._upload_locks.setdefault(run_id, threading.Lock())

    def _upload(
        self, run_id: str, repository: Any, files: Mapping[str, Path], *, replace: bool
    ) -> None:
        if not replace:
            self._check_new(run_id, repository, files)
        with (
            translated(self._store.uri, files=_shown(run_id, files)),
            tempfile.TemporaryDirectory() as staging,
        ):
            # MLflow names an artifact after the local file, so the files are laid out as named.
            for name, path in files.items():
                laid = Path(staging) / to_file_path(name)
                laid.parent.mkdir(parents=True, exist_ok=True)
                laid.symlink_to(path.resolve(strict=True))
            repository.log_artifacts(staging)

    def _check_new(self, run_id: str, repository: Any, names: Iterable[str]) -> None:
        """Raise if a name is there already, as a file or as a folder of one."""
        folders: dict[str, dict[str, bool]] = {}
        for name in names:
            folder = ""
            for part in (path := to_file_path(name)).split("/"):
                if folder not in folders:
                    folders[folder] = dict(self._list(repository, folder))
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

    def _list(self, repository: Any, folder: str) -> list[tuple[str, bool]]:
        with translated(self._store.uri, files=f"the folder {folder!r}"):
            infos = repository.list_artifacts(folder or None)
        return [(info.path, info.is_dir) for info in infos if info.path != folder]

    def check_there(self, run_id: str, name: str) -> None:
        """Raise :class:`Refused` if the run has no file or folder of this name."""
        path = to_path(name)
        folder = posixpath.dirname(path)
        if path not in (name for name, _ in self._list(self._repository(run_id), folder)):
            raise Refused(
                f"Run {run_id} has no file or folder {name!r}; run.get_file_names() lists "
                "its files."
            )

    def names(self, run_id: str, prefix: str = "") -> list[str]:
        """See :meth:`amlflow.spec.Tracker.list_files`."""
        repository = self._repository(run_id)
        folder = to_path(posixpath.dirname(prefix))
        return sorted(self._walk(repository, folder, prefix))

    def _walk(self, repository: Any, folder: str, prefix: str) -> Iterator[str]:
        for path, is_dir in self._list(repository, folder):
            if path == OWN or path.startswith(f"{OWN}/"):
                continue
            name = from_path(path)
            if is_dir and (name.startswith(prefix) or prefix.startswith(f"{name}/")):
                yield from self._walk(repository, path, prefix)
            elif not is_dir and name.startswith(prefix):
                yield name

    def get(self, run_id: str, name: str, destination: Path) -> None:
        """See :meth:`amlflow.spec.Tracker.get_file`."""
        repository = self._repository(run_id)
        try:
            path = to_file_path(name)
        except Refused:
            raise FileNotInRun(run_id, name) from None
        with tempfile.TemporaryDirectory(dir=destination.parent) as staging:
            try:
                local = repository.download_artifacts(path, dst_path=staging)
            except (MlflowException, OSError, Refused):
                if (path, False) not in self._list(repository, posixpath.dirname(path)):
                    raise FileNotInRun(run_id, name) from None
                # It is there now: it came, or was replaced, in the same moment.
                try:
                    local = repository.download_artifacts(path, dst_path=staging)
                except (MlflowException, OSError, Refused) as error:
                    raise Refused(
                        f"The file {name!r} of run {run_id} cannot be read: {error}"
                    ) from error
            if os.path.isdir(local):
                raise FileNotInRun(run_id, name)
            shutil.move(local, destination)
