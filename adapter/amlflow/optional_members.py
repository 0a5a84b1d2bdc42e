"""Members of the contract that a tracker may lack."""

from __future__ import annotations

import types
from typing import Any

from amlflow.spec import Tracker, TrackerBase


def member(tracker: Tracker, name: str) -> Any:
    """A tracker's method or attribute; the default if its plugin was written before it existed."""
    if hasattr(tracker, name):
        return getattr(tracker, name)
    default = getattr(TrackerBase, name)
    return types.MethodType(default, tracker) if callable(default) else default
