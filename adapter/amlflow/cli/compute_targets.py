"""Commands on compute targets."""

from __future__ import annotations

from typing import Any

from amlflow.cli.checks import checking_values, parse_pair
from amlflow.cli.scope import Where
from amlflow.core.compute import declared
from amlflow.core.compute.compute_target import ComputeTarget


def compute_targets(**where: Any) -> list[dict[str, Any]]:
    """``computetarget list``."""
    return [target.serialize() for target in ComputeTarget.list(Where(**where).workspace())]


def compute_target(*, name: str, **where: Any) -> dict[str, Any]:
    """``computetarget show``."""
    return ComputeTarget(Where(**where).workspace(), name).serialize()


def attach_target(
    *, name: str, kind: str, setting: list[str] | None, **where: Any
) -> dict[str, Any]:
    """``computetarget attach``."""
    workspace = Where(**where).workspace()
    settings = dict(_setting(text) for text in setting or ())
    with checking_values():
        declared.attach(workspace, name, kind, settings)
    return ComputeTarget(workspace, name).serialize()


def detach_target(*, name: str, **where: Any) -> None:
    """``computetarget detach``."""
    declared.detach(Where(**where).workspace(), name)


def _setting(text: str) -> tuple[str, Any]:
    """A setting as ``.azureml/compute.yaml`` has it."""
    import yaml  # here, as the other commands do not need it

    key, value = parse_pair("--setting", text)
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError:
        return key, value
