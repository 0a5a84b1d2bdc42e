"""Opens a tracker with the layers that it needs, the innermost first."""

from __future__ import annotations

import functools
import os

from amlflow.layers.search import Search
from amlflow.plugins import open_tracker
from amlflow.spec import Tracker


def open_layered(uri: str) -> Tracker:
    """The tracker at an absolute URI as the facade uses it.

    Raises what :func:`amlflow.plugins.open_tracker` raises.
    """
    return _layered(uri, os.getpid())


@functools.cache
def _layered(uri: str, process: int) -> Tracker:
    # A connection does not survive a fork, so each process has its own.
    return Search(open_tracker(uri))
