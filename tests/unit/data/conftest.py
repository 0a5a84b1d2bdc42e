"""A workspace whose tracker is in memory and whose datastores are folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from amlflow.core import store
from amlflow.core.workspace import Workspace
from amlflow.layers.layer import Layer
from amlflow.testing.memory import MemoryTracker


@pytest.fixture
def tracker() -> MemoryTracker:
    return MemoryTracker()


@pytest.fixture
def workspace(folder: Path, tracker: MemoryTracker, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(store, "_opener", lambda: lambda uri: Layer(tracker))
    return Workspace.from_config()


@pytest.fixture
def datastore(workspace: Workspace) -> Any:
    return workspace.get_default_datastore()


@pytest.fixture
def write(folder: Path) -> Callable[..., Path]:
    """Writes a file of the working folder."""

    def write_file(name: str, content: str | bytes) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file
