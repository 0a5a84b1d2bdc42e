"""The tracker of the server: its own backend store, opened directly."""

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
    """The runs of the server's store, for what the facade does."""
    # The facade takes a while to import, and a worker answers before it needs it.
    from amlflow.core.server_store import ServerStore
    from mlflow.server.constants import BACKEND_STORE_URI_ENV_VAR

    return ServerStore(os.environ[BACKEND_STORE_URI_ENV_VAR])


def tracker() -> Tracker:
    """The tracker as its plugin gives it: its search may find too many."""
    # As above.
    from amlflow.plugins import open_tracker

    return open_tracker(runs().uri)


def experiment_ids() -> list[str]:
    """The experiments of the workspace."""
    return [experiment.id for experiment in tracker().list_experiments()]


def name() -> str | None:
    """The workspace of the request at hand; None on a server without workspaces."""
    # As below: only a server's worker has a request at hand, and has imported it.
    from mlflow.utils import workspace_context

    if not workspace_context.is_request_workspace_resolved():
        return None
    return workspace_context.get_request_workspace()


@contextlib.contextmanager
def workspace(name: str | None) -> Iterator[None]:
    """Make a workspace the one that the tracker shows."""
    if name is None:
        yield
        return
    # A process that needs no workspace does not need MLflow here.
    from mlflow.utils.workspace_context import ServerWorkspaceContext

    with ServerWorkspaceContext(name):
        yield
