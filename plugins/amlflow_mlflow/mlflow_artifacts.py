"""Artifact stores that MLflow has a client of: S3, Azure, Google, HDFS, other servers' files."""

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
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.uri import append_to_uri_path

from amlflow_mlflow.entities import FileEntry
from amlflow_mlflow.private import SERVER_DESTINATION

# Where tqdm is installed, MLflow would draw a bar for every file into a log that is followed.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

SERVED = "mlflow-artifacts:/"


class MlflowArtifacts:
    """See :class:`amlflow_mlflow.store.ArtifactStore`."""

    folder: Path | None = None

    def __init__(self, root: str, tracking_uri: str) -> None:
        self._repository: Any = get_artifact_repository(root, tracking_uri=tracking_uri)

    def list(self, folder: str) -> list[FileEntry]:
        infos = self._repository.list_artifacts(folder or None)
        return [FileEntry(info.path, info.is_dir) for info in infos if info.path != folder]

    def put(self, files: Mapping[str, Path]) -> None:
        with tempfile.TemporaryDirectory() as staging:
            # MLflow names an artifact after the local file, so the files are laid out as named.
            for name, path in files.items():
                laid = Path(staging) / name
                laid.parent.mkdir(parents=True, exist_ok=True)
                source = path.resolve(strict=True)
                if sys.platform == "win32":  # where few users may make links
                    shutil.copyfile(source, laid)
                else:
                    laid.symlink_to(source)
            self._repository.log_artifacts(staging)

    def get(self, path: str, destination: Path) -> bool:
        with tempfile.TemporaryDirectory(dir=destination.parent) as staging:
            try:
                local = self._repository.download_artifacts(path, dst_path=staging)
            except (MlflowException, OSError):
                if FileEntry(path, False) not in self.list(posixpath.dirname(path)):
                    return False
                # It is there now: it came, or was replaced, in the same moment.
                try:
                    local = self._repository.download_artifacts(path, dst_path=staging)
                except (MlflowException, OSError) as error:
                    raise Refused(f"The file {path!r} cannot be read: {error}") from error
            if os.path.isdir(local):
                return False
            os.replace(local, destination)
        return True


def inside_server(root: str) -> str:
    """Where artifacts are; a server's own processes go where it puts what clients send it."""
    destination = os.environ.get(SERVER_DESTINATION)
    if destination is None or not root.startswith(SERVED):
        return root
    return str(append_to_uri_path(destination, urlsplit(root).path.lstrip("/")))
