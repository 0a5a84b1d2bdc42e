"""Fixtures: a workspace whose tracker is in memory. A folder's conftest.py imports both."""

from __future__ import annotations

from pathlib import Path

import pytest
from amlflow.core import store
from amlflow.core.workspace import Workspace
from amlflow.layers.layer import Layer
from amlflow.testing.memory import MemoryTracker


@pytest.fixture
def tracker() -> MemoryTracker:
    """An empty tracker in memory."""
    return MemoryTracker()


@pytest.fixture
def workspace(folder: Path, tracker: MemoryTracker, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The workspace of an empty folder, on that tracker."""
    monkeypatch.setattr(store, "_opener", lambda: lambda uri: Layer(tracker))
    return Workspace.from_config()
