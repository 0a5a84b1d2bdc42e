"""Opens the server's own tracker, which is its backend store, without going through HTTP."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amlflow.core.server_store import ServerStore
    from amlflow.spec import Tracker


@functools.cache
def runs() -> ServerStore:
    """Return the server's runs for calls of the facade."""
    # Imported here, since it takes a while, and a worker can answer before it needs the facade.
    from amlflow.core.server_store import ServerStore
    from mlflow.server.constants import BACKEND_STORE_URI_ENV_VAR

    return ServerStore(os.environ[BACKEND_STORE_URI_ENV_VAR])


def tracker() -> Tracker:
    """Return the plugin's tracker without layers. Its search may find too many runs."""
    # Imported here for the same reason.
    from amlflow.plugins import open_tracker

    return open_tracker(runs().uri)


def experiment_ids() -> list[str]:
    """Return the ids of the workspace's experiments."""
    return [experiment.id for experiment in tracker().list_experiments()]


def name() -> str | None:
    """Return the workspace of the current request; None on a server without workspaces."""
    # Only a worker of the server has a current request, and it has imported MLflow already.
    from mlflow.utils import workspace_context

    if not workspace_context.is_request_workspace_resolved():
        return None
    return workspace_context.get_request_workspace()


@contextlib.contextmanager
def workspace(name: str | None) -> Iterator[None]:
    """Let the tracker show this workspace within the ``with`` block."""
    if name is None:
        yield
        return
    # Imported here, since a process without a workspace does not need MLflow.
    from mlflow.utils.workspace_context import ServerWorkspaceContext

    with ServerWorkspaceContext(name):
        yield
