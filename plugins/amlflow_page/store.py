"""The tracker of the server: its own backend store, opened directly."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

from mlflow.server.constants import BACKEND_STORE_URI_ENV_VAR

if TYPE_CHECKING:
    from amlflow.core.workspace import Workspace
    from amlflow.spec import Tracker


@functools.cache
def workspace() -> Workspace:
    """A workspace on the server's store, for what the facade does."""
    from amlflow.core.workspace import workspace_on

    return workspace_on(os.environ[BACKEND_STORE_URI_ENV_VAR])


def tracker() -> Tracker:
    """The tracker as its plugin gives it: its search may find too many."""
    from amlflow.plugins import open_tracker

    return open_tracker(workspace().get_mlflow_tracking_uri())
