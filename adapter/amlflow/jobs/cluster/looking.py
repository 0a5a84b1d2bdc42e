"""Looks at the run of a cluster's job: the state that the cluster reports decides the run's.

A look reads. What it may write is a status and a note in the tracker.
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
    """Note in the tracker what the cluster says of a run's job.

    Returns whether the run has changed. None: nothing is known, because this machine does not know
    the cluster, or the cluster does not answer.
    """
    name = cluster_name_of(record)
    cluster = open_cluster()
    if name is None or cluster is None:
        return None
    try:
        job = cluster.look([name]).get(name)
    except Unavailable:  # which is not a state of the job
        return None
    if job is None:
        return None
    if job.state is JobState.RUNNING:
        change = _silence_change(tracker, record)
    else:
        change = cluster_change(record, job)
    if change is not None and change.status in FINAL:
        # What its agent told the tracker before it ended counts more.
        record = tracker.get_run(record.id)
        change = cluster_change(record, job)
    return change is not None and note_change(tracker, record, change)


def cluster_change(record: RunRecord, job: ClusterJob) -> RunChange | None:
    """What a look has to change in a run by its job's state. None: nothing.

    =========  ====================================================================
    job        the run that has not ended
    =========  ====================================================================
    QUEUED     Queued, with what the job waits for, unless its end is requested
    PREPARING  Preparing, if it was Queued
    RUNNING    --: the agent tells it, and its silence is NotResponding
    ENDING     --: the agent may be telling it
    COMPLETED  Failed, since the agent ended without telling how the script did
    FAILED     Failed, with the cluster's reason
    CANCELED   Canceled, with the cluster's reason
    UNKNOWN    Failed, if it had an agent or had been seen in the queue; else it may be
               on its way there
    =========  ====================================================================

    A run whose end is requested ends as requested once its job has ended.
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
    """What to note of a running job whose agent has not been heard of for some time."""
    if record.status not in (Status.RUNNING, Status.FINALIZING):
        return None  # the heartbeat may be that of an earlier attempt
    if agent_change(record, Agent.ELSEWHERE, datetime.now(timezone.utc)) is None:
        return None
    # The cluster may have taken a minute to answer: a heartbeat that was young is not.
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
            "The cluster no longer knows the run's job, which did not tell how it ended."
        )
    code = "" if job.exit_code is None else f" with exit code {job.exit_code}"
    reason = job.reason or (
        f"The run's agent ended{code} and did not tell how the script did. What the agent printed "
        "is in the file that the target's setting 'output' names."
    )
    return EndRequest(Status.FAILED, to_error(f"{reason}{known}", "ServiceError"))
