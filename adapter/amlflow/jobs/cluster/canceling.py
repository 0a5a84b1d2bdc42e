"""Removes the job of a canceled run from its cluster's queue, if the cluster can be reached."""

from __future__ import annotations

import contextlib

from amlflow.jobs.cluster.looking import OpenCluster
from amlflow.jobs.cluster.names import cluster_name_of
from amlflow.jobs.run_notes import has_agent, requested_end_of
from amlflow.spec import FINAL, JobState, RunRecord, Tracker, Unavailable

LEAVING = (JobState.QUEUED, JobState.PREPARING, JobState.ENDING)
"""States of jobs that no agent ends: they wait, or may wait again."""


def cancel_at_cluster(tracker: Tracker, record: RunRecord, open_cluster: OpenCluster) -> None:
    """Cancel a run's waiting job, after the run's end has been requested.

    A running job is ended by its agent, which is nudged to read the request from the tracker now.
    If the cluster does not answer, the waiting job ends as soon as it starts.
    """
    name = cluster_name_of(record)
    cluster = open_cluster()
    if name is None or cluster is None:
        return
    try:
        if has_agent(record):
            with contextlib.suppress(Unavailable):  # the agent asks the tracker anyway
                cluster.nudge([name])
        job = cluster.look([name], now=True).get(name)
        if job is None or job.state not in LEAVING:
            return
        cluster.cancel([name])
    except Unavailable:
        return
    record = tracker.get_run(record.id)
    request = requested_end_of(record)
    if request is not None and record.status not in FINAL and job.state is not JobState.ENDING:
        tracker.update_run(record.id, request.change())
