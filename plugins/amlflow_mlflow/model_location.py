"""The files of a model that another client registered, wherever MLflow keeps them.

MLflow's own functions log a model to a folder of its own, which is not among the files of a run.
"""

from __future__ import annotations

import os
import posixpath
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from amlflow.spec import Refused
from mlflow.exceptions import MlflowException

from amlflow_mlflow.errors import translated
from amlflow_mlflow.own_paths import is_model_folder, local_folder
from amlflow_mlflow.proxied_artifacts import open_repository
from amlflow_mlflow.spelling import from_path, to_file_path
from amlflow_mlflow.store import Store

FOLDER = "artifacts"
"""What MLflow calls the folder of every model that it logs; the model's name says more."""


class ModelLocation:
    """A file or folder at the URI that a store gives for a version of a model.

    Raises:
        Refused: a server names a local folder in which MLflow keeps no models.
    """

    def __init__(self, store: Store, uri: str, model: str) -> None:
        self._store = store
        parent, _, self._base = uri.rstrip("/").rpartition("/")
        self._shown = model if self._base == FOLDER else from_path(self._base)
        folder = local_folder(uri)
        if store.server is not None and folder is not None and not is_model_folder(folder):
            raise Refused(
                f"The tracking server says that the files of the model {model!r} are in the local "
                f"folder {str(folder)!r}, in which MLflow keeps no models, so it is not used."
            )
        with translated(store.uri):
            self._repository: Any = open_repository(parent, store)

    def names(self) -> list[str]:
        """The names of the files, sorted; each begins with the name of the file or folder."""
        with translated(self._store.uri, files=f"the model at {self._base!r}"):
            paths = list(self._walk(self._base))
            if not paths:
                infos = self._repository.list_artifacts(None)
                paths = [info.path for info in infos if info.path == self._base and not info.is_dir]
        return sorted(self._shown + from_path(path)[len(self._base) :] for path in paths)

    def _walk(self, folder: str) -> Iterator[str]:
        for info in self._repository.list_artifacts(folder):
            if info.path == folder:
                continue
            if info.is_dir:
                yield from self._walk(info.path)
            else:
                yield info.path

    def get(self, name: str, destination: Path) -> bool:
        """Write a file to a local path; False if the model does not have it."""
        top, slash, rest = name.partition("/")
        if top != self._shown:
            return False
        path = self._base + slash + (to_file_path(rest) if rest else "")
        with tempfile.TemporaryDirectory(dir=destination.parent) as staging:
            try:
                local = self._repository.download_artifacts(path, dst_path=staging)
            except (MlflowException, OSError) as error:
                if name not in self.names():
                    return False
                raise Refused(
                    f"The file {posixpath.basename(name)!r} of a model cannot be read: {error}"
                ) from error
            if os.path.isdir(local):
                return False
            shutil.move(local, destination)
        return True
