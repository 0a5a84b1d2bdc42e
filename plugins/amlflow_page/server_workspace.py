"""The tracker of the server: its own backend store, opened directly."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

from mlflow.server.constants import BACKEND_STORE_URI_ENV_VAR

if TYPE_CHECKING:
    from amlflow.core.server_store import ServerStore
    from amlflow.spec import Tracker


@functools.cache
def runs() -> ServerStore:
    """The runs of the server's store, for what the facade does."""
    # The facade takes a while to import, and a worker answers before it needs it.
    from amlflow.core.server_store import ServerStore

    return ServerStore(os.environ[BACKEND_STORE_URI_ENV_VAR])


def tracker() -> Tracker:
    """The tracker as its plugin gives it: its search may find too many."""
    # As above.
    from amlflow.plugins import open_tracker

    return open_tracker(runs().uri)
