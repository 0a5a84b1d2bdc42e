"""Commands on workspaces."""

from __future__ import annotations

from typing import Any

from amlflow.cli.scope import Where, all_workspaces
from amlflow.core.workspace import Workspace


def workspace(**where: Any) -> dict[str, Any]:
    """``workspace show``."""
    return _workspace(Where(**where).workspace())


def workspaces(**where: Any) -> list[dict[str, Any]]:
    """``workspace list``: lists known workspaces, of one subscription or resource group or all."""
    scope = Where(**where)
    return [
        _workspace(workspace)
        for workspace in all_workspaces()
        if scope.subscription_id in (None, workspace.subscription_id)
        and scope.resource_group in (None, workspace.resource_group)
        and scope.workspace_name in (None, workspace.name)
    ]


def _workspace(workspace: Workspace) -> dict[str, Any]:
    names = {
        "subscription_id": workspace.subscription_id,
        "resource_group": workspace.resource_group,
    }
    return {"name": workspace.name, **names, **workspace.get_details()}
