"""A Slurm cluster as a compute target: a run is a job in one of its partitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from amlflow.spec import hookimpl

if TYPE_CHECKING:
    from amlflow.spec import Cluster

amlflow_spec = 1
check_cluster = "slurm"


@hookimpl
def amlflow_cluster(kind: str, settings: Mapping[str, Any]) -> Cluster | None:
    """Accept the kind ``slurm``. :mod:`amlflow_slurm.settings` lists its settings."""
    if kind != "slurm":
        return None
    # Only a process that opens such a target needs it.
    from amlflow_slurm.cluster import SlurmCluster
    from amlflow_slurm.settings import read_settings

    return SlurmCluster(read_settings(settings))
