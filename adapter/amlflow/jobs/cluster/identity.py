"""Which cluster has a run's job, and for whom.

A target's name is a line of a file: for another user, or on another machine, it may be another
cluster, which does not know the job. So a run notes at submit which cluster has its job.
"""

from __future__ import annotations

import hashlib

from amlflow.jobs.run_notes import CLUSTER, CLUSTER_IDENTITY
from amlflow.spec import Cluster, RunRecord
from amlflow.tracker_notes import parse_cluster_identity


def cluster_notes(cluster: Cluster, kind: str) -> dict[str, str]:
    """What the run of a cluster's job notes of the cluster. Raises :class:`Unavailable`."""
    return {CLUSTER: kind, CLUSTER_IDENTITY: _hash_of(cluster)}


def has_job_of(cluster: Cluster, record: RunRecord) -> bool:
    """Whether a run's job was submitted to this cluster, by a user whose jobs it tells here.

    Only then does it mean something if the cluster does not know the job. Raises
    :class:`Unavailable`.
    """
    noted = parse_cluster_identity(record)
    return noted is not None and noted == _hash_of(cluster)


def _hash_of(cluster: Cluster) -> str:
    return hashlib.sha256(cluster.identify().encode()).hexdigest()
