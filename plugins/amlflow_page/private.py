"""Every private name of MLflow's that the page uses, and nothing else.

MLflow may rename them in any release. :data:`NAMES` lists them with the place where MLflow has
them; a test looks them all up in the oldest and in the newest MLflow that amlflow supports and
names the one that is gone. (The tracker has a file of its own like this one: the page knows no
plugin, and what it takes from MLflow is the server's side.)
"""

from __future__ import annotations

import os
from typing import Any

from amlflow.tracker_data import read_text
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
"""``module:name``, where a name may be an object's, and ``=value`` where the value counts."""

add_static_prefix = handlers._add_static_prefix

USERS_CHECKED = "_MLFLOW_AUTH_ADMIN_BOOTSTRAPPED"
"""MLflow's note to its workers, which inherit it, that the first user has been made."""


def is_uvicorn() -> bool:
    """Whether MLflow runs the app with uvicorn, which it notes for its own apps."""
    return os.environ.get("_MLFLOW_SGI_NAME") == "uvicorn"


class NoFiles:
    """The repository of a run without a place for files."""

    def list_artifacts(self, path: str | None = None) -> list[Any]:
        return []


def artifacts_of(run_id: str) -> tuple[Any, str]:
    """The repository that holds a run's files, and the folder in it; as MLflow serves them."""
    try:
        run = handlers._get_tracking_store().get_run(run_id)
    except MlflowException as error:
        if error.message.endswith("cannot be None"):  # a column of its row is empty
            return NoFiles(), ""
        raise
    root = read_text(run_id, "artifact_uri", run.info.artifact_uri)
    if not root:
        return NoFiles(), ""
    if not handlers._is_servable_proxied_run_artifact_root(root):
        return handlers._get_artifact_repo(run), ""
    folder = handlers._get_proxied_run_artifact_destination_path(root, "")
    path = handlers._get_workspace_scoped_repo_path_if_enabled(folder)
    return handlers._get_artifact_repo_mlflow_artifacts(), str(path).rstrip("/")


def may_use_run(auth: Any, run_id: str, action: str) -> bool:
    """Whether MLflow's users and permissions allow it; ``action`` is ``read`` or ``update``.

    ``auth`` is ``mlflow.server.auth``, which only a server with users imports.
    """
    return bool(auth._authorize_run_id(run_id, action))


def may_change_experiment(auth: Any, experiment_id: str, user: str) -> bool:
    """Whether a user may change what is in an experiment."""
    return bool(auth._get_experiment_permission(experiment_id, user).can_update)
