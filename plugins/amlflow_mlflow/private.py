"""Every private name of MLflow's that the tracker uses, and nothing else.

MLflow may rename them in any release. :data:`NAMES` lists them with the place where MLflow has
them; a test looks them all up in the oldest and in the newest MLflow that amlflow supports and
names the one that is gone. Another file of this package that needs a private name gets it here.
(The page has a file of its own like this one, since it may not import this plugin.)
"""

from __future__ import annotations

from typing import Any

from mlflow.tracking._model_registry.utils import _get_store as _get_registry_store
from mlflow.tracking._tracking_service.utils import _get_store
from mlflow.utils.mime_type_utils import _guess_mime_type

_REST_STORE = "mlflow.store.tracking.rest_store:RestStore"
_REGISTRY = "mlflow.store.model_registry.rest_store:RestStore"
_ARTIFACTS = "mlflow.store.artifact.mlflow_artifacts_repo:MlflowArtifactsRepository"

NAMES = (
    "mlflow.tracking._model_registry.utils:_get_store",
    "mlflow.tracking._tracking_service.utils:_get_store",
    "mlflow.store.db.utils:_all_tables_exist",
    "mlflow.store.db.utils:_safe_initialize_tables",
    "mlflow.utils.mime_type_utils:_guess_mime_type",
    f"{_REST_STORE}._METHOD_TO_INFO",
    f"{_REST_STORE}._V3_APIS",
    f"{_REST_STORE}._V3_METHOD_TO_INFO",
    # overridden, or called by a class that inherits from MLflow's
    f"{_REST_STORE}._call_endpoint",
    f"{_REST_STORE}._validate_workspace_support_if_specified",
    f"{_REGISTRY}._call_endpoint",
    f"{_REGISTRY}._validate_workspace_support_if_specified",
    f"{_REGISTRY}._get_endpoint_from_method",
    f"{_REGISTRY}._get_response_from_method",
    f"{_ARTIFACTS}._download_file",
    f"{_ARTIFACTS}._get_presigned_download_url",
    f"{_ARTIFACTS}._is_multipart_download_enabled",
    f"{_ARTIFACTS}._should_multipart_upload",
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

get_store = _get_store
get_registry_store = _get_registry_store
guess_mime_type = _guess_mime_type


def all_tables_exist(engine: Any) -> bool:
    """Whether a database has all of MLflow's tables."""
    # A server's client needs no database, nor the packages that MLflow's models of tables import.
    from mlflow.store.db.utils import _all_tables_exist

    return bool(_all_tables_exist(engine))


def make_tables(engine: Any) -> None:
    """Make MLflow's tables in a database that lacks them."""
    # As above.
    from mlflow.store.db.utils import _safe_initialize_tables

    _safe_initialize_tables(engine)


def endpoint(store: Any, api: Any) -> tuple[str, str]:
    """The path and the HTTP method of a call of MLflow's REST API."""
    endpoints = store._V3_METHOD_TO_INFO if api in store._V3_APIS else store._METHOD_TO_INFO
    path, method = endpoints[api]
    return path, method


def download(repository: Any, remote: str, local: str) -> None:
    """Write one file of an artifact store to a local path."""
    repository._download_file(remote, local)
