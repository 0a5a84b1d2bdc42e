"""Stores what a user attaches to a workspace on this machine, such as a compute target.

An attached thing belongs to a workspace, for this user on this machine. Each is a JSON file in the
user's configuration folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from amlflow.core.store import WorkspaceBase, store_of
from amlflow.whole_files import write_json


class Attached:
    """The attached things of one kind, such as ``compute``."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def _path(self, workspace: WorkspaceBase, name: str) -> Path:
        return self._folder(workspace) / f"{name}.json"

    def _folder(self, workspace: WorkspaceBase) -> Path:
        import platformdirs  # only needed for attached things

        names = "+".join(quote(name, safe="") for name in store_of(workspace).names)
        return platformdirs.user_config_path("amlflow") / self._kind / names

    def read_all(self, workspace: WorkspaceBase) -> dict[str, Any]:
        """Read the content of all attached things, by name."""
        folder = self._folder(workspace)
        try:
            names = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
        except FileNotFoundError:
            return {}
        paths = [folder / name for name in names]
        return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}

    def has(self, workspace: WorkspaceBase, name: str) -> bool:
        """Whether a name is attached."""
        return self._path(workspace, name).exists()

    def read(self, workspace: WorkspaceBase, name: str) -> Any:
        """Read the content that is attached under a name, or None."""
        path = self._path(workspace, name)
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def write(self, workspace: WorkspaceBase, name: str, content: Mapping[str, Any]) -> None:
        """Attach content under a name. It replaces the earlier content."""
        path = self._path(workspace, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, content)

    def remove(self, workspace: WorkspaceBase, name: str) -> bool:
        """Remove the content of a name. Returns False if the name is not attached."""
        try:
            self._path(workspace, name).unlink()
        except FileNotFoundError:
            return False
        return True
