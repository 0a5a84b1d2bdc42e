"""Removes the job of a canceled run from its cluster's queue, if the cluster can be reached.

A process can remove only the jobs of its own user, and only where the cluster's commands are. If
somebody else cancels a run, or a server does it for its users, the job stays in the queue. The run
notes that, and the next process of the submitter that looks at the run removes the job.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable

from amlflow.exceptions import AzureMLException
from amlflow.jobs.cluster.identity import has_job_of, reports_to
from amlflow.jobs.cluster.names import cluster_name_of
from amlflow.jobs.run_notes import (
    has_agent,
    is_on_cluster,
    note_of_queue,
    requested_end_of,
)
from amlflow.spec import (
    FINAL,
    Cluster,
    ClusterJob,
    JobState,
    RunChange,
    RunNotFound,
    RunRecord,
    Tracker,
    Unavailable,
    redacted,
)
from amlflow.tracker_notes import parse_left_in_queue

logger = logging.getLogger("amlflow")

OpenCluster = Callable[[], Cluster | None]
"""Opens the cluster that a run's target names on this machine; None if there is none."""

LEAVING = (JobState.QUEUED, JobState.PREPARING, JobState.SUSPENDED, JobState.ENDING)
"""States of jobs that no agent ends now: they wait or are stopped, or may wait again."""
_REPORTED = (JobState.SUSPENDED, JobState.ENDING)
"""States of jobs whose agent may still report the end, when the cluster ends it."""


def start_telling_agent(
    tracker: Tracker, record: RunRecord, open_cluster: OpenCluster
) -> threading.Thread | None:
    """Tell a run's agent in a thread that the run is to end. None if the run has no agent yet.

    The agent ends the script at once, and then reads from the tracker how the run ends. So the
    script's end does not wait for the tracker. If the cluster does not answer, the agent still
    reads the request once a second.
    """
    name = cluster_name_of(record)
    if name is None or record.status in FINAL or not (is_on_cluster(record) and has_agent(record)):
        return None
    if not reports_to(record, tracker.uri):
        return None

    def tell() -> None:
        with contextlib.suppress(AzureMLException):  # the caller opens the cluster, too
            cluster = open_cluster()
            if cluster is not None:
                cluster.nudge([name])

    thread = threading.Thread(target=tell, name="amlflow-nudge")
    thread.start()
    return thread


def cancel_at_cluster(
    tracker: Tracker, record: RunRecord, open_cluster: OpenCluster, *, is_told: bool = False
) -> None:
    """Cancel a run's waiting job, after the run's end has been requested.

    A running job is ended by its agent, which is nudged unless it ``is_told`` already. If the
    cluster does not answer, the waiting job ends as soon as it starts. A warning says if the job
    is left alone, as it reports to another tracker.
    """
    name = cluster_name_of(record)
    cluster = open_cluster()
    if name is None or cluster is None:
        return
    if not reports_to(record, tracker.uri):
        logger.warning(
            "Run %s was submitted with another tracking URI than %s, which may be a copy of that "
            "tracker. So its job is not cancelled in the cluster from here. If it is the same "
            "tracker, the run's agent reads there that the run is cancelled. Otherwise cancel the "
            "run with the tracking URI with which it was submitted.",
            record.alias or record.id, redacted(tracker.uri),
        )  # fmt: skip
        return
    with contextlib.suppress(Unavailable):  # the agent asks the tracker anyway
        if has_agent(record) and not is_told:
            cluster.nudge([name])
        remove_from_queue(tracker, record, cluster, name)


def remove_left_job(tracker: Tracker, record: RunRecord, open_cluster: OpenCluster) -> bool:
    """Remove the job of a run that was canceled where its cluster could not be reached.

    Returns whether the run has changed. Nothing happens if this process cannot reach the cluster
    either, or has another user.
    """
    name = cluster_name_of(record)
    cluster = open_cluster()
    if name is None or cluster is None:
        return False
    with contextlib.suppress(Unavailable):
        # The last answer may be older than the job. Then the next look removes it.
        if has_job_of(cluster, record) and cluster.look([name]).get(name) is not None:
            return remove_from_queue(tracker, record, cluster, name)
    return False


def remove_from_queue(tracker: Tracker, record: RunRecord, cluster: Cluster, name: str) -> bool:
    """Cancel a run's job, if it waits. Returns whether the run has changed.

    Raises :class:`Unavailable`.
    """
    if not reports_to(record, tracker.uri):
        return False
    job = _look(record, cluster, name)
    is_waiting = job is not None and job.state in LEAVING
    if is_waiting:
        cluster.cancel([name])
    elif not has_job_of(cluster, record):
        return False
    try:
        record = tracker.get_run(record.id)
        request = requested_end_of(record)
        if request is None:
            return False
        if record.status in FINAL:
            if parse_left_in_queue(record):
                tracker.update_run(record.id, RunChange(system=note_of_queue(is_left=False)))
                return True
            return False
        if not is_waiting or job is None or job.state in _REPORTED:
            return False
        tracker.update_run(record.id, request.change())
    except RunNotFound:  # it was deleted in the meantime
        return False
    return True


def _look(record: RunRecord, cluster: Cluster, name: str) -> ClusterJob | None:
    """Return what the cluster knows of a run's job.

    If the last answer says that it waits, and it has not reported a start, the cluster is not asked
    again: otherwise it would be asked once for each run of an array that is cancelled.
    """
    job = None if has_agent(record) else cluster.look([name]).get(name)
    if job is not None and job.state is JobState.QUEUED:
        return job
    return cluster.look([name], now=True).get(name)
