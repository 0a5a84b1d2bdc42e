"""Which cluster has a run's job, and for whom.

A target's name is a line of a file: for another user, or on another machine, it may be another
cluster, which does not know the job. So a run notes at submit which cluster has its job.

It also notes with which tracker the job reports. In a copy of that tracker, such as a restored
backup on another server, the run has the same notes and no job.
"""

from __future__ import annotations

import hashlib

from amlflow.jobs.finding import hash_of_tracker
from amlflow.jobs.run_notes import CLUSTER, CLUSTER_IDENTITY, CLUSTER_TRACKER
from amlflow.spec import Cluster, RunRecord
from amlflow.tracker_notes import parse_cluster_identity, parse_cluster_tracker


def cluster_notes(cluster: Cluster, kind: str, tracking_uri: str) -> dict[str, str]:
    """What the run of a cluster's job notes of its cluster and tracker.

    Raises :class:`Unavailable`.
    """
    return {
        CLUSTER: kind,
        CLUSTER_IDENTITY: _hash_of(cluster),
        CLUSTER_TRACKER: hash_of_tracker(tracking_uri),
    }


def reports_to(record: RunRecord, tracking_uri: str) -> bool:
    """Whether the job of a run in this tracker reports to it, and not to another tracker.

    If not, the job is not touched from here: the run may be in a copy of its tracker. If the job
    reports to the same tracker at another address, its agent still reads there how the run ends.
    The job of a run of an older amlflow is taken to report here.
    """
    noted = parse_cluster_tracker(record)
    return noted is None or noted == hash_of_tracker(tracking_uri)


def has_job_of(cluster: Cluster, record: RunRecord) -> bool:
    """Whether a run's job was submitted to this cluster, by a user whose jobs it tells here.

    Only then does it mean something if the cluster does not know the job. Raises
    :class:`Unavailable`.
    """
    noted = parse_cluster_identity(record)
    return noted is not None and noted == _hash_of(cluster)


def _hash_of(cluster: Cluster) -> str:
    return hashlib.sha256(cluster.identify().encode()).hexdigest()
