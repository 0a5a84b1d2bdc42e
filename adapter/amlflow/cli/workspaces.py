"""Commands on workspaces and their experiments."""

from __future__ import annotations

from typing import Any

from amlflow.cli.scope import Where, all_workspaces
from amlflow.core.experiment import Experiment
from amlflow.core.workspace import Workspace


def experiments(**where: Any) -> list[dict[str, Any]]:
    """``experiment list``: archived ones too."""
    items = Experiment.list(Where(**where).workspace(), view_type="All")
    return [
        {"name": item.name, "id": item.id, "archived_time": item.archived_time} for item in items
    ]


def workspace(**where: Any) -> dict[str, Any]:
    """``workspace show``."""
    return _workspace(Where(**where).workspace())


def workspaces(**where: Any) -> list[dict[str, Any]]:
    """``workspace list``: those known here, or of a subscription or resource group."""
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
