"""All private names of MLflow that the tracker uses.

MLflow may rename them in any release. :data:`NAMES` lists them with their modules. A test looks for
each name in the oldest and in the newest MLflow that amlflow supports, and says which one is
missing. Other files of this package import private names from here. (The page has such a file of
its own, since it may not import this plugin.)
"""

from __future__ import annotations

import os
from typing import Any

NAMES = (
    "mlflow.tracking._model_registry.utils:_get_store",
    "mlflow.tracking._tracking_service.utils:_get_store",
    "mlflow.store.db.utils:_all_tables_exist",
    "mlflow.store.db.utils:_safe_initialize_tables",
    "mlflow.store.db.utils:_get_schema_version",
    "mlflow.store.artifact.s3_artifact_repo:S3ArtifactRepository._download_file",
    "mlflow.server.constants:BACKEND_STORE_URI_ENV_VAR=_MLFLOW_SERVER_FILE_STORE",
    "mlflow.server.constants:ARTIFACTS_DESTINATION_ENV_VAR=_MLFLOW_SERVER_ARTIFACT_DESTINATION",
)
"""Texts ``module:name``. The name may be a class's member. ``=value`` if the value matters."""

# Importing these two from mlflow.server.constants would start MLflow's web application.
SERVER_STORE = "_MLFLOW_SERVER_FILE_STORE"
"""A variable that is set in the processes of MLflow's server. There, the server's settings decide
about the root of artifacts."""
SERVER_DESTINATION = "_MLFLOW_SERVER_ARTIFACT_DESTINATION"
"""The variable with the place where MLflow's server stores clients' files. Set in its processes."""


def is_server_process() -> bool:
    """Whether this process is one of MLflow's server."""
    return SERVER_STORE in os.environ


def get_store(uri: str, artifact_root: str | None) -> Any:
    """Return MLflow's store of experiments and runs at a URI."""
    # Imported here, since the names above do not need MLflow.
    from mlflow.tracking._tracking_service.utils import _get_store

    return _get_store(store_uri=uri, artifact_uri=artifact_root)


def get_registry_store(uri: str) -> Any:
    """Return MLflow's store of models at a URI."""
    # Imported here, since the names above do not need MLflow.
    from mlflow.tracking._model_registry.utils import _get_store

    return _get_store(uri, uri)


def all_tables_exist(engine: Any) -> bool:
    """Whether a database has all of MLflow's tables."""
    # Imported here, since the names above do not need MLflow.
    from mlflow.store.db.utils import _all_tables_exist

    return bool(_all_tables_exist(engine))


def make_tables(engine: Any) -> None:
    """Make MLflow's tables in a database that lacks them."""
    # Imported here, since the names above do not need MLflow.
    from mlflow.store.db.utils import _safe_initialize_tables

    _safe_initialize_tables(engine)


def schema_version(engine: Any) -> str:
    """Return the revision of MLflow's schema in a database."""
    # Imported here, since the names above do not need MLflow.
    from mlflow.store.db.utils import _get_schema_version

    return str(_get_schema_version(engine))


def download(repository: Any, remote: str, local: str) -> None:
    """Download one file of an artifact store to a local path."""
    repository._download_file(remote, local)
