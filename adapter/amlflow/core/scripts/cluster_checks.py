"""Checks what a cluster can do, before a run is submitted to it."""

from __future__ import annotations

from urllib.parse import urlsplit

from amlflow.core.console import warn_once
from amlflow.core.project.tracking_uri import local_folders
from amlflow.exceptions import ComputeTargetException
from amlflow.jobs.cluster.payload import NODE_KIND
from amlflow.jobs.distribution import Distribution
from amlflow.jobs.finding import is_loopback
from amlflow.jobs.job import Target
from amlflow.plugins import open_compute
from amlflow.spec import Cluster, Compute, redacted


def open_node(target: Target, cluster: Cluster | None) -> Compute:
    """Open the compute target that runs the script. On a cluster, this is the node."""
    if cluster is not None:
        return open_compute(NODE_KIND, {})
    return open_compute(target.kind, target.settings)


def check_distribution(distribution: Distribution | None, cluster: Cluster, target: Target) -> None:
    """Raise ComputeTargetException for several processes if the cluster starts only one."""
    if distribution is not None and not cluster.is_distributed:
        raise ComputeTargetException(
            f"A job of compute target {target.name!r} is one process: its kind, {target.kind!r}, "
            "starts no others. Leave distributed_job_config and node_count out, or use another "
            "target."
        )


def check_reachable(uri: str, target: Target) -> None:
    """Check that the nodes of the cluster can reach the tracker.

    A tracker at an address such as localhost gets a warning.

    Raises:
        ComputeTargetException: the tracker is a file of this machine.
    """
    if local_folders(uri):
        raise ComputeTargetException(
            f"The tracker {redacted(uri)} is a file on this machine, and the nodes of compute "
            f"target {target.name!r} cannot reach it. A database file on a shared disk is not safe "
            "either. Start a server with `mlflow server --app-name amlflow --host <this host>`, or "
            "use your team's, and set MLFLOW_TRACKING_URI to its address."
        )
    host = urlsplit(uri).hostname
    if host is not None and is_loopback(host):
        warn_once(
            f"The tracker {redacted(uri)} is named by an address of this machine alone. The nodes "
            f"of compute target {target.name!r} reach it only if they are this machine, too; set "
            "MLFLOW_TRACKING_URI to an address that all nodes can reach."
        )
