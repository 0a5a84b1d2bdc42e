"""Fixtures: a workspace whose tracker is in memory and whose datastores are folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.workspace import Workspace

from helpers.memory_workspace import tracker, workspace

__all__ = ["datastore", "tracker", "workspace", "write"]


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
