"""Commands on workspaces and their experiments."""

from __future__ import annotations

from typing import Any

from amlflow.cli.scope import Where, all_workspaces
from amlflow.core.experiment import Experiment
from amlflow.core.workspace import Workspace


def experiments(**where: Any) -> list[dict[str, Any]]:
    """``experiment list``: archived ones too."""
    found = Experiment.list(Where(**where).workspace(), view_type="All")
    return [
        {"name": each.name, "id": each.id, "archived_time": each.archived_time} for each in found
    ]


def workspace(**where: Any) -> dict[str, Any]:
    """``workspace show``."""
    return _workspace(Where(**where).workspace())


def workspaces(**where: Any) -> list[dict[str, Any]]:
    """``workspace list``: those known here, or of a subscription or resource group."""
    place = Where(**where)
    return [
        _workspace(each)
        for each in all_workspaces()
        if place.subscription_id in (None, each.subscription_id)
        and place.resource_group in (None, each.resource_group)
        and place.workspace_name in (None, each.name)
    ]


def _workspace(workspace: Workspace) -> dict[str, Any]:
    names = {
        "subscription_id": workspace.subscription_id,
        "resource_group": workspace.resource_group,
    }
    return {"name": workspace.name, **names, **workspace.get_details()}
