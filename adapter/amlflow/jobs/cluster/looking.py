"""Looks at the run of a cluster's job: the job's state in the cluster decides the run's status.

A look reads. It may write a status and a note in the tracker, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone

from amlflow.jobs.cluster.names import cluster_name_of
from amlflow.jobs.health import Agent, agent_change, note_change
from amlflow.jobs.run_notes import (
    WAITING,
    EndRequest,
    fail_as_lost,
    has_agent,
    requested_end_of,
)
from amlflow.run_errors import to_error
from amlflow.spec import (
    FINAL,
    Cluster,
    ClusterJob,
    JobState,
    RunChange,
    RunRecord,
    Status,
    Tracker,
    Unavailable,
)
from amlflow.tracker_notes import parse_waiting

_NOT_STARTED = (
    "The cluster no longer knows the run's job, which had waited in its queue. Somebody else may "
    "have cancelled it there before it started. Submit the run again."
)

OpenCluster = Callable[[], Cluster | None]
"""Opens the cluster that a run's target names on this machine; None if there is none."""


def look_at_cluster(tracker: Tracker, record: RunRecord, open_cluster: OpenCluster) -> bool | None:
    """Ask the cluster for the state of a run's job, and note it in the tracker.

    Returns whether the run has changed. Returns None if the state is not known, because this
    machine does not know the cluster or the cluster does not answer.
    """
    name = cluster_name_of(record)
    cluster = open_cluster()
    if name is None or cluster is None:
        return None
    try:
        job = cluster.look([name]).get(name)
    except Unavailable:  # this says nothing about the job
        return None
    if job is None:
        return None
    if job.state is JobState.RUNNING:
        change = _silence_change(tracker, record)
    else:
        change = cluster_change(record, job)
    if change is not None and change.status in FINAL:
        # The agent may have reported the end just before: its report counts.
        record = tracker.get_run(record.id)
        change = cluster_change(record, job)
    return change is not None and note_change(tracker, record, change)


def cluster_change(record: RunRecord, job: ClusterJob) -> RunChange | None:
    """Return the change of a run for its job's state. None means that nothing changes.

    =========  ====================================================================
    job        the run that has not ended
    =========  ====================================================================
    QUEUED     Queued, with what the job waits for, unless its end is requested
    PREPARING  Preparing, if it was Queued
    RUNNING    --: the agent reports the run. If it is silent, NotResponding
    ENDING     --: the agent may still report the end
    COMPLETED  Failed, since the agent ended without reporting the script's end
    FAILED     Failed, with the cluster's reason
    CANCELED   Canceled, with the cluster's reason
    UNKNOWN    Failed, if it had an agent or was seen in the queue. Otherwise --, since
               it may not be in the queue yet
    =========  ====================================================================

    If the end of the run was requested, it ends as requested when its job has ended.
    """
    if record.status in FINAL:
        return None
    request = requested_end_of(record)
    if job.state is JobState.QUEUED:
        return None if request else _to_queued(record, job)
    if job.state is JobState.PREPARING:
        is_queued = record.status == Status.QUEUED
        return RunChange(status=Status.PREPARING) if is_queued else None
    if job.state in (JobState.RUNNING, JobState.ENDING):
        return None
    if job.state is JobState.UNKNOWN and not has_agent(record):
        if parse_waiting(record) is None:
            return None
        return (request or fail_as_lost(_NOT_STARTED)).change(datetime.now(timezone.utc))
    return (request or _end_of(job)).change(datetime.now(timezone.utc))


def _silence_change(tracker: Tracker, record: RunRecord) -> RunChange | None:
    """Return the change for a running job whose agent is silent.

    None means that nothing changes.
    """
    if record.status not in (Status.RUNNING, Status.FINALIZING):
        return None  # the heartbeat may be from an earlier attempt
    if agent_change(record, Agent.ELSEWHERE, datetime.now(timezone.utc)) is None:
        return None
    # The cluster may have taken a minute to answer, so read the heartbeat again.
    record = tracker.get_run(record.id)
    return agent_change(record, Agent.ELSEWHERE, datetime.now(timezone.utc))


def _to_queued(record: RunRecord, job: ClusterJob) -> RunChange | None:
    note = {"reason": job.reason, "before": job.before, "id": job.id, "attempt": job.attempt}
    known = parse_waiting(record)
    is_same = known is not None and (known.reason, known.attempt) == (job.reason, job.attempt)
    if record.status == Status.QUEUED and is_same:
        return None
    return RunChange(status=Status.QUEUED, system={WAITING: json.dumps(note)})


def _end_of(job: ClusterJob) -> EndRequest:
    known = "" if job.id is None else f" (job {job.id} of the cluster)"
    if job.state is JobState.CANCELED:
        reason = job.reason or "The cluster has cancelled it."
        return EndRequest(Status.CANCELED, to_error(f"{reason}{known}", "ServiceError"))
    if job.state is JobState.UNKNOWN:
        return fail_as_lost(
            "The cluster no longer knows the run's job, and the job did not report how it ended."
        )
    code = "" if job.exit_code is None else f" with exit code {job.exit_code}"
    reason = job.reason or (
        f"The run's agent ended{code} without reporting how the script ended. The agent's own "
        "output is in the file that the target's setting 'output' names."
    )
    return EndRequest(Status.FAILED, to_error(f"{reason}{known}", "ServiceError"))
