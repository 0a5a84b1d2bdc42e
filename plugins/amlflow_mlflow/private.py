"""Every private name of MLflow's that the tracker uses, and nothing else.

MLflow may rename them in any release. :data:`NAMES` lists them with the place where MLflow has
them; a test looks them all up in the oldest and in the newest MLflow that amlflow supports and
names the one that is gone. Another file of this package that needs a private name gets it here.
(The page has a file of its own like this one, since it may not import this plugin.)
"""

from __future__ import annotations

import os
from typing import Any

NAMES = (
    "mlflow.tracking._model_registry.utils:_get_store",
    "mlflow.tracking._tracking_service.utils:_get_store",
    "mlflow.store.db.utils:_all_tables_exist",
    "mlflow.store.db.utils:_safe_initialize_tables",
    "mlflow.store.artifact.s3_artifact_repo:S3ArtifactRepository._download_file",
    "mlflow.server.constants:BACKEND_STORE_URI_ENV_VAR=_MLFLOW_SERVER_FILE_STORE",
    "mlflow.server.constants:ARTIFACTS_DESTINATION_ENV_VAR=_MLFLOW_SERVER_ARTIFACT_DESTINATION",
)
"""``module:name``, where a name may be a class's, and ``=value`` where the value counts."""

# Importing these two from mlflow.server.constants would start MLflow's web application.
SERVER_STORE = "_MLFLOW_SERVER_FILE_STORE"
"""Set in the processes of MLflow's server, whose store takes the root of artifacts from its own
settings."""
SERVER_DESTINATION = "_MLFLOW_SERVER_ARTIFACT_DESTINATION"
"""Where MLflow's server puts the files that clients send it; set in its processes."""


def is_server_process() -> bool:
    """Whether this process is one of MLflow's server."""
    return SERVER_STORE in os.environ


def get_store(uri: str, artifact_root: str | None) -> Any:
    """MLflow's store of experiments and runs at a URI."""
    # Not everybody who asks for the names above needs MLflow.
    from mlflow.tracking._tracking_service.utils import _get_store

    return _get_store(store_uri=uri, artifact_uri=artifact_root)


def get_registry_store(uri: str) -> Any:
    """MLflow's store of models at a URI."""
    # As above.
    from mlflow.tracking._model_registry.utils import _get_store

    return _get_store(uri, uri)


def all_tables_exist(engine: Any) -> bool:
    """Whether a database has all of MLflow's tables."""
    # As above.
    from mlflow.store.db.utils import _all_tables_exist

    return bool(_all_tables_exist(engine))


def make_tables(engine: Any) -> None:
    """Make MLflow's tables in a database that lacks them."""
    # As above.
    from mlflow.store.db.utils import _safe_initialize_tables

    _safe_initialize_tables(engine)


def download(repository: Any, remote: str, local: str) -> None:
    """Write one file of an artifact store to a local path."""
    repository._download_file(remote, local)
