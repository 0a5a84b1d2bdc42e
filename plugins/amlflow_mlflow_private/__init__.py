"""All private names of MLflow that amlflow uses, and nothing else.

MLflow may rename them in any release. :data:`NAMES` lists them with their modules. A test looks for
each name in the oldest and in the newest MLflow that amlflow supports, and says which one is
missing. The MLflow tracker and the page, which may not import each other, call the functions here.
This package imports MLflow only within the functions: constants are also needed where MLflow is not
installed, and the tracker does not need MLflow's web application.
"""

from __future__ import annotations

import os
from typing import Any

from amlflow.tracker_data import parse, to_location

NAMES = (
    "mlflow.tracking._model_registry.utils:_get_store",
    "mlflow.tracking._tracking_service.utils:_get_store",
    "mlflow.store.db.utils:_all_tables_exist",
    "mlflow.store.db.utils:_safe_initialize_tables",
    "mlflow.store.db.utils:_get_schema_version",
    "mlflow.store.artifact.s3_artifact_repo:S3ArtifactRepository._download_file",
    "mlflow.server.constants:BACKEND_STORE_URI_ENV_VAR=_MLFLOW_SERVER_FILE_STORE",
    "mlflow.server.constants:ARTIFACTS_DESTINATION_ENV_VAR=_MLFLOW_SERVER_ARTIFACT_DESTINATION",
    "mlflow.server.handlers:_add_static_prefix",
    "mlflow.server.handlers:_get_tracking_store",
    "mlflow.server.handlers:_is_servable_proxied_run_artifact_root",
    "mlflow.server.handlers:_get_proxied_run_artifact_destination_path",
    "mlflow.server.handlers:_get_workspace_scoped_repo_path_if_enabled",
    "mlflow.server.handlers:_get_artifact_repo_mlflow_artifacts",
    "mlflow.server.handlers:_get_artifact_repo",
    "mlflow.server.auth:_authorize_run_id",
    "mlflow.server.auth:_get_experiment_permission",
    "mlflow.utils.workspace_context:ServerWorkspaceContext",
    "mlflow.utils.workspace_context:get_request_workspace",
    "mlflow.utils.workspace_context:is_request_workspace_resolved",
    "mlflow.environment_variables:_MLFLOW_SGI_NAME.name=_MLFLOW_SGI_NAME",
    "mlflow.environment_variables:_MLFLOW_AUTH_ADMIN_BOOTSTRAPPED.name="
    "_MLFLOW_AUTH_ADMIN_BOOTSTRAPPED",
)
"""``module:name`` or ``module:name.attribute``, with ``=value`` if the value counts, too."""

# The first two are in mlflow.server.constants, whose import would start MLflow's web application.
SERVER_STORE = "_MLFLOW_SERVER_FILE_STORE"
"""A variable that is set in the processes of MLflow's server. There, the server's settings decide
about the root of artifacts."""
SERVER_DESTINATION = "_MLFLOW_SERVER_ARTIFACT_DESTINATION"
"""The variable with the place where MLflow's server stores clients' files. Set in its processes."""
USERS_CHECKED = "_MLFLOW_AUTH_ADMIN_BOOTSTRAPPED"
"""An environment variable that MLflow's workers inherit: the first user has been created."""


def is_server_process() -> bool:
    """Whether this process is one of MLflow's server."""
    return SERVER_STORE in os.environ


def is_uvicorn() -> bool:
    """Whether MLflow runs the app with uvicorn. MLflow sets a variable for its own apps."""
    return os.environ.get("_MLFLOW_SGI_NAME") == "uvicorn"


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


class NoFiles:
    """The empty repository of a run that has no place for files."""

    def list_artifacts(self, path: str | None = None) -> list[Any]:
        return []


def add_static_prefix(route: str) -> str:
    """Return a route of MLflow's server with the prefix that the server was started with."""
    # Imported here, since it is MLflow's web application.
    from mlflow.server.handlers import _add_static_prefix

    return str(_add_static_prefix(route))


def artifacts_of(run_id: str) -> tuple[Any, str]:
    """Return the repository with a run's files, and the folder in it, as MLflow's server does."""
    # Imported here, since it is MLflow's web application.
    from mlflow.exceptions import MlflowException
    from mlflow.server import handlers

    try:
        run = handlers._get_tracking_store().get_run(run_id)
    except MlflowException as error:
        if error.message.endswith("cannot be None"):  # a column of its row is empty
            return NoFiles(), ""
        raise
    root = parse(run_id, "artifact_uri", run.info.artifact_uri, to_location)
    if not root:
        return NoFiles(), ""
    if not handlers._is_servable_proxied_run_artifact_root(root):
        return handlers._get_artifact_repo(run), ""
    folder = handlers._get_proxied_run_artifact_destination_path(root, "")
    path = handlers._get_workspace_scoped_repo_path_if_enabled(folder)
    return handlers._get_artifact_repo_mlflow_artifacts(), str(path).rstrip("/")


def may_use_run(auth: Any, run_id: str, action: str) -> bool:
    """Return whether MLflow's permissions allow the user an action on a run.

    ``action`` is ``read`` or ``update``. ``auth`` is ``mlflow.server.auth``, which only a server
    with users imports.
    """
    return bool(auth._authorize_run_id(run_id, action))


def may_change_experiment(auth: Any, experiment_id: str, user: str) -> bool:
    """Return whether a user may change the runs of an experiment."""
    return bool(auth._get_experiment_permission(experiment_id, user).can_update)
