"""Workspaces that were made here: a file for each in the user's configuration folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from amlflow.exceptions import WorkspaceException


def _notes() -> Path:
    import platformdirs  # knows each system's folder for a user's configuration

    return platformdirs.user_config_path("amlflow") / "workspaces"


def note_path(*names: str) -> Path:
    """The file that describes the workspace of a subscription, resource group and name."""
    return _notes() / ("+".join(quote(name, safe="") for name in names) + ".json")


def find_known(*names: str) -> dict[str, Any] | None:
    """What is noted of a workspace, or None. Raises WorkspaceException for a broken note."""
    path = note_path(*names)
    if not path.is_file():
        return None
    return _read_note(path)


def list_known() -> list[dict[str, Any]]:
    """What is noted of all workspaces."""
    return [_read_note(path) for path in sorted(_notes().glob("*.json"))]


def _read_note(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WorkspaceException(
            f"{path}, which describes a workspace, is not JSON ({error}); delete it, and make the "
            "workspace again with Workspace.create()."
        ) from None
    return content
