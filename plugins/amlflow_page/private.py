"""All private names of MLflow that the page uses, and nothing else.

MLflow may rename them in any release. :data:`NAMES` lists them with their modules. A test looks
for each name in the oldest and the newest MLflow that amlflow supports, and says which one is
missing. The MLflow tracker has a file like this one for itself, since the page must not import
another plugin. The names here belong to MLflow's server.
"""

from __future__ import annotations

import os
from typing import Any

from amlflow.tracker_data import parse, to_location
from mlflow.exceptions import MlflowException
from mlflow.server import handlers

NAMES = (
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

add_static_prefix = handlers._add_static_prefix

USERS_CHECKED = "_MLFLOW_AUTH_ADMIN_BOOTSTRAPPED"
"""An environment variable that MLflow's workers inherit: the first user has been created."""


def is_uvicorn() -> bool:
    """Return whether MLflow runs the app with uvicorn. MLflow sets a variable for its own apps."""
    return os.environ.get("_MLFLOW_SGI_NAME") == "uvicorn"


class NoFiles:
    """The empty repository of a run that has no place for files."""

    def list_artifacts(self, path: str | None = None) -> list[Any]:
        return []


def artifacts_of(run_id: str) -> tuple[Any, str]:
    """Return the repository with a run's files, and the folder in it, as MLflow's server does."""
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
