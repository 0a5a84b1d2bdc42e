"""Commands on workspaces, experiments, compute targets and plugins."""

from __future__ import annotations

import logging
from typing import Any

from amlflow.cli.errors import WrongUsage
from amlflow.cli.scope import Where, all_workspaces
from amlflow.core.compute import declared
from amlflow.core.compute.compute_target import ComputeTarget
from amlflow.core.experiment import Experiment
from amlflow.core.workspace import Workspace
from amlflow.exceptions import UserErrorException
from amlflow.layers.stack import is_journaled, needed
from amlflow.plugins import described
from amlflow.spec import Feature

logger = logging.getLogger("amlflow")


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
    return [each.serialize() for each in ComputeTarget.list(Where(**where).workspace())]


def compute_target(*, name: str, **where: Any) -> dict[str, Any]:
    """``computetarget show``."""
    return ComputeTarget(Where(**where).workspace(), name).serialize()


def attach_target(
    *, name: str, kind: str, setting: list[str] | None, **where: Any
) -> dict[str, Any]:
    """``computetarget attach``."""
    workspace = Where(**where).workspace()
    declared.attach(workspace, name, kind, dict(_setting(each) for each in setting or ()))
    return ComputeTarget(workspace, name).serialize()


def detach_target(*, name: str, **where: Any) -> None:
    """``computetarget detach``."""
    declared.detach(Where(**where).workspace(), name)


def _setting(text: str) -> tuple[str, Any]:
    """A setting as ``.azureml/compute.yaml`` has it."""
    import yaml  # for this command alone, and takes long to import

    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UserErrorException(f"--setting takes key=value, and got {text!r}.")
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError:
        return key, value


def plugins(check: list[str], uri: str | None) -> list[dict[str, Any]] | None:
    """``plugins``: what is installed, and which features each has; ``plugins check NAME``."""
    if check or uri:
        from amlflow.cli.check import check as run_suites

        if len(check) != 2 or check[0] != "check":
            raise WrongUsage(f"It is `amlflow plugins check NAME`, not {' '.join(check)!r}.")
        run_suites(check[1], uri)
        return None
    found = described()
    for plugin in found:
        for line in _layers(plugin):
            logger.debug("%s: %s", plugin["plugin"], line)
    return found


def _layers(plugin: dict[str, Any]) -> list[str]:
    """What amlflow puts around a plugin's tracker, and why."""
    if "tracker" not in plugin["hooks"]:
        return []
    features = frozenset(map(Feature, plugin["features"]))
    layers = [f"layer {layer.__name__}: {reason}" for layer, reason in needed(features)]
    if is_journaled(features):
        layers.append("layer Journaled: what a process has logged must get there though it dies")
    return layers or ["no layers: the tracker claims all that one could add"]
