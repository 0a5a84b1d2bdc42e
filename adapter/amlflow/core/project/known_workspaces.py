"""The workspaces that were created on this machine.

The user's configuration has a file for each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from amlflow.exceptions import WorkspaceException
from amlflow.whole_files import write_json


def _notes() -> Path:
    import platformdirs  # only needed when a workspace is opened by its name

    return platformdirs.user_config_path("amlflow") / "workspaces"


def note_path(*names: str) -> Path:
    """Return the path of the file for a subscription, resource group and name."""
    return _notes() / ("+".join(quote(name, safe="") for name in names) + ".json")


def find_known(*names: str) -> dict[str, Any] | None:
    """Read the file of a workspace, or return None.

    Raises:
        WorkspaceException: the file is not valid.
    """
    path = note_path(*names)
    if not path.is_file():
        return None
    return _read_note(path)


def list_known() -> list[dict[str, Any]]:
    """Read the files of all workspaces."""
    return [_read_note(path) for path in sorted(_notes().glob("*.json"))]


def write_note(*names: str, content: Mapping[str, Any]) -> None:
    """Write the file of a workspace.

    Raises:
        WorkspaceException: the user's configuration folder cannot be written.
    """
    path = note_path(*names)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, content)
    except OSError as error:
        raise WorkspaceException(
            f"The workspace {names[-1]!r} cannot be remembered in {str(path)!r}: "
            f"{error.strerror or error}. XDG_CONFIG_HOME names another folder for it."
        ) from error


def _read_note(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WorkspaceException(
            f"{path}, which describes a workspace, is not JSON ({error}). Delete it, and create "
            "the workspace again with Workspace.create()."
        ) from None
    return content
