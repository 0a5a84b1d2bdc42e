"""Opens artifact stores for which MLflow has clients, such as ``s3:``. MLflow must be installed."""

from __future__ import annotations

from urllib.parse import urlsplit

from amlflow.parts import check_part

from amlflow_mlflow.store import ArtifactStore


def open_client(root: str, uri: str) -> ArtifactStore:
    """Open the files at an artifact URI (``root``) of the tracker at ``uri``.

    Raises :class:`UserErrorException` if MLflow is not installed.
    """
    check_part("local", f"A run with files at {urlsplit(root).scheme}:", packages=["mlflow"])
    # It takes seconds to import.
    from amlflow_mlflow.mlflow_artifacts import MlflowArtifacts

    return MlflowArtifacts(root, uri)
