"""Artifact stores for which MLflow has a client: S3, Azure, Google, HDFS, other MLflow servers."""

from __future__ import annotations

import os
import posixpath
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from amlflow.spec import Refused
from amlflow_mlflow_private import SERVER_DESTINATION
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.uri import append_to_uri_path

from amlflow_mlflow.entities import FileEntry

# If tqdm is installed, MLflow would print a progress bar for every file into the log.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

SERVED = "mlflow-artifacts:/"


class MlflowArtifacts:
    """An :class:`amlflow_mlflow.store.ArtifactStore` that uses MLflow's clients."""

    folder: Path | None = None

    def __init__(self, root: str, tracking_uri: str) -> None:
        self._repository: Any = get_artifact_repository(root, tracking_uri=tracking_uri)

    def list(self, folder: str) -> list[FileEntry]:
        infos = self._repository.list_artifacts(folder or None)
        return [FileEntry(info.path, info.is_dir) for info in infos if info.path != folder]

    def put(self, files: Mapping[str, Path]) -> None:
        with tempfile.TemporaryDirectory() as staging:
            # MLflow gives an artifact the name of the local file. So lay out the files in a folder.
            for name, path in files.items():
                laid = Path(staging) / name
                laid.parent.mkdir(parents=True, exist_ok=True)
                source = path.resolve(strict=True)
                if sys.platform == "win32":  # few users of Windows may make links
                    shutil.copyfile(source, laid)
                else:
                    laid.symlink_to(source)
            self._repository.log_artifacts(staging)

    def get(self, path: str, destination: Path) -> bool:
        with tempfile.TemporaryDirectory(dir=destination.parent) as staging:
            try:
                if self.list(path):  # a folder, of which MLflow would download all files
                    return False
                local = self._repository.download_artifacts(path, dst_path=staging)
            except (MlflowException, OSError):  # also raised if the file does not exist
                if FileEntry(path, False) not in self.list(posixpath.dirname(path)):
                    return False
                # The file exists: it was stored or replaced during the download. Try again.
                try:
                    local = self._repository.download_artifacts(path, dst_path=staging)
                except (MlflowException, OSError) as error:
                    # The store has just listed the file, so this does not pass. The table would
                    # take MLflow's error, whose code is INTERNAL_ERROR, for one that does.
                    raise Refused(f"The file {path!r} cannot be read: {error}") from error
            if os.path.isdir(local):
                return False
            os.replace(local, destination)
        return True

    def read_beginning(self, path: str, count: int) -> bytes | None:
        return None  # MLflow's clients only download whole files


def inside_server(root: str) -> str:
    """Return the place of artifacts. In a server's own processes, this is its destination."""
    destination = os.environ.get(SERVER_DESTINATION)
    if destination is None or not root.startswith(SERVED):
        return root
    return str(append_to_uri_path(destination, urlsplit(root).path.lstrip("/")))
