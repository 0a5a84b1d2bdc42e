"""Opens a tracker with the layers that it needs, the innermost first."""

from __future__ import annotations

from amlflow.layers.search import Search
from amlflow.plugins import open_tracker
from amlflow.spec import Tracker


def open_layered(uri: str) -> Tracker:
    """The tracker at an absolute URI as the facade uses it.

    Raises what :func:`amlflow.plugins.open_tracker` raises.
    """
    return Search(open_tracker(uri))
