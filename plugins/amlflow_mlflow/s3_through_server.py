"""S3 storage that only MLflow's server can reach.

Use it as ``--artifacts-destination s3-by-server://bucket``. For ``s3://``, the server redirects
clients to the storage, with signed addresses, and has no setting to turn that off. If clients
cannot reach the storage's network, their calls would hang.
"""

from __future__ import annotations

from typing import Any

from amlflow_mlflow_private import download
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository

SCHEME = "s3-by-server"


class S3ByServer(ArtifactRepository):
    """MLflow's client of S3, without the methods with which the server redirects its clients."""

    def __init__(self, artifact_uri: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(artifact_uri, *args, **kwargs)
        address = artifact_uri.replace(f"{SCHEME}:", "s3:", 1)
        self._s3 = S3ArtifactRepository(address, *args, **kwargs)

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        self._s3.log_artifact(local_file, artifact_path)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        self._s3.log_artifacts(local_dir, artifact_path)

    def list_artifacts(self, path: str | None = None) -> Any:
        return self._s3.list_artifacts(path)

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        download(self._s3, remote_file_path, local_path)

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        self._s3.delete_artifacts(artifact_path)
