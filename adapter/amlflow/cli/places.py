"""Commands on workspaces, experiments, compute targets and plugins."""

from __future__ import annotations

from typing import Any

from amlflow.cli.errors import Missing
from amlflow.cli.where import Where, all_workspaces
from amlflow.core.compute_target import ComputeTarget
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


def compute_targets(**where: Any) -> list[dict[str, Any]]:
    """``computetarget list``."""
    return [_target(each) for each in Where(**where).workspace().compute_targets.values()]


def compute_target(*, name: str, **where: Any) -> dict[str, Any]:
    """``computetarget show``."""
    targets = Where(**where).workspace().compute_targets
    if name not in targets:
        raise Missing(
            f"There is no compute target {name!r}; there is {', '.join(map(repr, targets))}."
        )
    return _target(targets[name])


def _target(target: ComputeTarget) -> dict[str, Any]:
    return {"name": target.name, "type": target.type, "workspace": target.workspace.name}


def plugins() -> list[dict[str, Any]]:
    """``plugins``: what is installed, and which features each has."""
    from amlflow.plugins import described

    return described()
