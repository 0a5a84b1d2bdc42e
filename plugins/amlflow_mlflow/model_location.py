"""The files of a model that another client has registered.

MLflow's own functions store a model in a separate folder, which does not belong to a run's files.
"""

from __future__ import annotations

import posixpath
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from amlflow.spec import Refused

from amlflow_mlflow.errors import translate_errors
from amlflow_mlflow.own_paths import is_empty, is_model_folder, local_folder
from amlflow_mlflow.spelling import from_path, to_file_path
from amlflow_mlflow.store import Store, keep_folder

FOLDER = "artifacts"
"""MLflow's name for the folder of every model that it logs. The model's name is shown instead."""


class ModelLocation:
    """The file or folder at the URI of a version of a model.

    Raises:
        Refused: the URI is empty, or a server names a local folder that is not one of MLflow's
            folders for models.
    """

    def __init__(self, store: Store, uri: str, model: str) -> None:
        self._store = store
        parent, slash, self._base = uri.rstrip("/").rpartition("/")
        if not self._base or is_empty(uri):
            raise Refused(
                f"The tracker does not say where the files of the model {model!r} are. Register "
                "the model again, with its files."
            )
        self._shown = model if self._base == FOLDER else from_path(self._base)
        folder = local_folder(uri)
        if store.is_server and folder is not None and not is_model_folder(folder):
            raise Refused(
                f"The tracking server says that the files of the model {model!r} are in the local "
                f"folder {str(folder)!r}, in which MLflow keeps no models, so it is not used."
            )
        with translate_errors(store.uri):
            self._artifacts = store.open_artifacts(parent or slash or ".")

    def names(self) -> list[str]:
        """List the names of the files, sorted. Each begins with the name of the file or folder."""
        with translate_errors(self._store.uri, files=f"the model at {self._base!r}"):
            paths = list(self._walk(self._base))
            if not paths:
                entries = self._artifacts.list("")
                paths = [entry.path for entry in entries if entry == (self._base, False)]
        return sorted(self._shown + from_path(path)[len(self._base) :] for path in paths)

    def _walk(self, folder: str) -> Iterator[str]:
        for path, is_dir in self._artifacts.list(folder):
            if path == folder or (is_dir and not keep_folder(f"model {self._shown}", path)):
                continue
            if is_dir:
                yield from self._walk(path)
            else:
                yield path

    def get(self, name: str, destination: Path) -> bool:
        """Write a file to a local path. Returns False if the model does not have the file."""
        top, slash, rest = name.partition("/")
        if top != self._shown:
            return False
        path = self._base + slash + (to_file_path(rest) if rest else "")
        with tempfile.TemporaryDirectory(dir=destination.parent) as staging:
            copy = Path(staging) / "file"
            shown = f"the file {posixpath.basename(name)!r} of a model"
            with translate_errors(self._store.uri, files=shown):
                is_there = self._artifacts.get(path, copy)
            if is_there:
                shutil.move(copy, destination)
        return is_there
