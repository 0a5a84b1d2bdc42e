"""Removes the job of a canceled run from its cluster's queue, if the cluster can be reached."""

from __future__ import annotations

from amlflow.jobs.cluster.looking import OpenCluster
from amlflow.jobs.cluster.names import cluster_name_of
from amlflow.jobs.run_notes import requested_end_of
from amlflow.spec import FINAL, JobState, RunRecord, Tracker, Unavailable


def cancel_at_cluster(tracker: Tracker, record: RunRecord, open_cluster: OpenCluster) -> None:
    """Cancel a run's waiting job, after the run's end has been requested.

    A running job is ended by its agent, which reads the request from the tracker. If the cluster
    does not answer, the waiting job ends as soon as it starts.
    """
    name = cluster_name_of(record)
    cluster = open_cluster()
    request = requested_end_of(record)
    if name is None or cluster is None or request is None:
        return
    try:
        job = cluster.look([name], now=True).get(name)
        if job is None or job.state not in (JobState.QUEUED, JobState.PREPARING):
            return
        cluster.cancel([name])
    except Unavailable:
        return
    if record.status not in FINAL:
        tracker.update_run(record.id, request.change())
