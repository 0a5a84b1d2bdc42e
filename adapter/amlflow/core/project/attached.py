"""What is declared for a workspace by name: in a project's file, or attached on this machine.

A declaration in a file of ``.azureml`` is the project's. What is attached is the workspace's for
this user on this machine: a JSON file for each name, in the folder of the user's configuration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from amlflow.core.project.config_json import FOLDER
from amlflow.core.store import WorkspaceBase, store_of
from amlflow.whole_files import write_json


def find_project_file(name: str) -> Path | None:
    """The nearest ``.azureml/NAME`` from the working folder upwards."""
    start = Path.cwd()
    paths = (folder / FOLDER / name for folder in (start, *start.parents))
    return next((path for path in paths if path.is_file()), None)


class Attached:
    """What is attached of one kind, such as ``compute``."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def _path(self, workspace: WorkspaceBase, name: str) -> Path:
        return self._folder(workspace) / f"{name}.json"

    def _folder(self, workspace: WorkspaceBase) -> Path:
        import platformdirs  # knows each system's folder for a user's configuration

        names = "+".join(quote(name, safe="") for name in store_of(workspace).names)
        return platformdirs.user_config_path("amlflow") / self._kind / names

    def read_all(self, workspace: WorkspaceBase) -> dict[str, Any]:
        """What is attached, by name."""
        paths = sorted(self._folder(workspace).glob("*.json"))
        return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}

    def has(self, workspace: WorkspaceBase, name: str) -> bool:
        """Whether something is attached under a name."""
        return self._path(workspace, name).exists()

    def read(self, workspace: WorkspaceBase, name: str) -> Any:
        """What is attached under a name, or None."""
        path = self._path(workspace, name)
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def write(self, workspace: WorkspaceBase, name: str, content: Mapping[str, Any]) -> None:
        """Attach something, in place of what is attached under the name."""
        path = self._path(workspace, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, content)

    def remove(self, workspace: WorkspaceBase, name: str) -> bool:
        """Forget what is attached under a name; False if nothing is."""
        try:
            self._path(workspace, name).unlink()
        except FileNotFoundError:
            return False
        return True
