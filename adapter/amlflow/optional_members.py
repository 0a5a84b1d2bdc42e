"""Members of the contract that a tracker may lack."""

from __future__ import annotations

import types
from typing import Any

from amlflow.spec import Tracker, TrackerBase


def member(tracker: Tracker, name: str) -> Any:
    """Return a tracker's method or attribute, or the default if the tracker does not have it.

    A tracker lacks a member if its plugin was written before the member existed.
    """
    if hasattr(tracker, name):
        return getattr(tracker, name)
    default = getattr(TrackerBase, name)
    return types.MethodType(default, tracker) if callable(default) else default
