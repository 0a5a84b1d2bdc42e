"""Commands on compute targets."""

from __future__ import annotations

import logging
from typing import Any

from amlflow.cli.checks import checking_values, parse_count, parse_number, parse_pair
from amlflow.cli.scope import Where
from amlflow.core.compute import declared
from amlflow.core.compute.compute_target import AmlCompute, ComputeTarget
from amlflow.spec import ClusterStatus, Unavailable

logger = logging.getLogger("amlflow")


def compute_targets(**where: Any) -> list[dict[str, Any]]:
    """``computetarget list``."""
    return [target.serialize() for target in ComputeTarget.list(Where(**where).workspace())]


def compute_target(*, name: str, **where: Any) -> dict[str, Any]:
    """``computetarget show``. For a cluster, also returns the state of its nodes and queue."""
    workspace = Where(**where).workspace()
    shown = ComputeTarget(workspace, name).serialize()
    cluster = declared.find_cluster(workspace, name)
    try:
        status = None if cluster is None else cluster.describe()
    except Unavailable as away:
        logger.warning("%s", away.message)
        return shown
    return shown if status is None else {**shown, "cluster": _to_json(status)}


def _to_json(status: ClusterStatus) -> dict[str, Any]:
    return {
        "partitions": [
            {
                "name": partition.name,
                "nodesInUse": partition.in_use,
                "nodesIdle": partition.idle,
                "nodesAway": partition.away,
            }
            for partition in status.partitions
        ],
        "jobs": {"running": status.running, "waiting": status.waiting},
        "otherJobs": {"running": status.others_running, "waiting": status.others_waiting},
    }


def attach_target(
    *, name: str, kind: str, setting: list[str] | None, **where: Any
) -> dict[str, Any]:
    """``computetarget attach``."""
    workspace = Where(**where).workspace()
    settings = dict(_setting(text) for text in setting or ())
    with checking_values():
        declared.attach(workspace, name, kind, settings)
    return ComputeTarget(workspace, name).serialize()


def create_target(
    *,
    name: str,
    vm_size: str | None,
    max_nodes: str,
    min_nodes: str | None,
    idle_seconds: str | None,
    vm_priority: str,
    target_tags: list[str] | None,
    description_: str | None,
    **where: Any,
) -> dict[str, Any]:
    """``computetarget create amlcompute``."""
    workspace = Where(**where).workspace()
    idle = parse_number("--idle-seconds-before-scaledown", idle_seconds, int)
    nodes = parse_count("--max-nodes", max_nodes, "runs at once")
    fewest = parse_number("--min-nodes", min_nodes, int)
    tags = dict(parse_pair("--tags", text) for text in target_tags or ())
    with checking_values():
        configuration = AmlCompute.provisioning_configuration(
            vm_size=vm_size or "",
            vm_priority=vm_priority,
            min_nodes=0 if fewest is None else fewest,
            max_nodes=nodes,
            idle_seconds_before_scaledown=1800 if idle is None else idle,
            tags=tags,
            description=description_,
        )
        target = ComputeTarget.create(workspace, name, configuration)
    return target.serialize()


def delete_target(*, name: str, **where: Any) -> None:
    """``computetarget delete``."""
    ComputeTarget(Where(**where).workspace(), name).delete()


def detach_target(*, name: str, **where: Any) -> None:
    """``computetarget detach``."""
    declared.detach(Where(**where).workspace(), name)


def _setting(text: str) -> tuple[str, Any]:
    """Parse a setting: its value has the form of ``.azureml/compute.yaml``."""
    import yaml  # the other commands do not need it

    key, value = parse_pair("--setting", text)
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError:
        return key, value
