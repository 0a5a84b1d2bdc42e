"""Workspaces whose tracker is in memory. A folder's conftest.py imports the two fixtures."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from amlflow.core import store
from amlflow.core.workspace import Workspace
from amlflow.layers.layer import Layer
from amlflow.plugins import load_plugins
from amlflow.spec import hookimpl
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


@contextlib.contextmanager
def configured_tracker(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryTracker]:
    """Configure an empty tracker in memory as users do, by its address, for the block.

    A plugin with the name ``name`` opens it.
    """
    tracker = MemoryTracker(f"memory://{name}-{uuid.uuid4().hex}")  # one is kept for each URI
    plugin = SimpleNamespace(
        amlflow_tracker=hookimpl(lambda uri: tracker if uri == tracker.uri else None)
    )
    load_plugins().manager.register(plugin, name=name)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracker.uri)
    yield tracker
    load_plugins().manager.unregister(plugin)
