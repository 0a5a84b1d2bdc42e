"""Opens files in places that MLflow has clients of, such as ``s3:``, where MLflow is installed."""

from __future__ import annotations

from urllib.parse import urlsplit

from amlflow.parts import check_part

from amlflow_mlflow.store import ArtifactStore


def open_client(root: str, uri: str) -> ArtifactStore:
    """The files below an artifact URI of the store at a URI.

    Raises :class:`UserErrorException` where MLflow is not installed.
    """
    check_part("local", f"A run with files at {urlsplit(root).scheme}:", packages=["mlflow"])
    # It takes seconds to import.
    from amlflow_mlflow.mlflow_artifacts import MlflowArtifacts

    return MlflowArtifacts(root, uri)
