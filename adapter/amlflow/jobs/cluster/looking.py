"""Looks at the run of a cluster's job: the job's state in the cluster decides the run's status.

A look reads, and may write a status and a note in the tracker. It only changes the queue if the run
is to end: then it removes the run's job, which the process that canceled the run could not do.
"""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta, timezone

from amlflow.claims import latest_attempt
from amlflow.jobs.cancel import claim_for_nobody
from amlflow.jobs.cluster.canceling import OpenCluster, remove_from_queue
from amlflow.jobs.cluster.identity import has_job_of
from amlflow.jobs.cluster.names import cluster_name_of
from amlflow.jobs.finding import find_job, hash_of_base
from amlflow.jobs.health import Agent, agent_change, limit_of, note_change
from amlflow.jobs.job import NODE_PREFIX, jobs_folder, this_host
from amlflow.jobs.run_notes import (
    ENDED_ATTEMPT,
    LEFT_OPEN,
    WAITING,
    EndRequest,
    fail_as_lost,
    has_agent,
    requested_end_of,
)
from amlflow.run_errors import to_error
from amlflow.spec import (
    FINAL,
    ClusterJob,
    JobState,
    RunChange,
    RunRecord,
    Status,
    Tracker,
    Unavailable,
)
from amlflow.tracker_notes import parse_heartbeat, parse_job, parse_silence, parse_waiting

_NOT_STARTED = (
    "The cluster no longer knows the run's job, which had waited in its queue. Somebody else may "
    "have cancelled it there before it started, or renamed it. Submit the run again."
)

NOT_SUBMITTED = (
    "The process that submitted the run ended before the cluster had the job, or somebody else has "
    "cancelled the job there before it started. Submit the run again."
)
SUBMIT_S = 180.0
"""Longer than a process takes to hand a job over, also if the cluster does not answer at first."""
ABANDONED_S = 24 * 60 * 60.0
"""Longer than any process takes, for one whose folder cannot be seen here."""


_LEFT = (JobState.QUEUED, JobState.SUSPENDED)
"""States of a job that a look removes if its run is to end."""
NOT_RUN = (126, 127)
"""The exit codes of a shell that cannot run a program, or does not find it."""
NOT_BEGUN = (1, 255)
"""The exit codes of Python without the agent, and of containers that cannot be started."""
_NO_AGENT = (
    "The node does not have the program that starts the agent, which is amlflow's Python or what "
    "runs the target's image. Install it there at the same path, or correct the target's settings "
    "'python' and 'image'. "
)
_NO_AMLFLOW = (
    "It had not begun: the Python that the target names may not have amlflow, or the target's "
    "image may be missing or broken on the node. "
)
_TOLD = (
    "The run's agent was told to end by SIGTERM or SIGINT, but the cluster neither ended the job "
    "nor put it back. Somebody may have sent the signal, as `scancel --signal=TERM --batch` does."
)
_LEFT_ON_NODE = (
    " If values that the script logged last are missing, look on {nodes} for the folder "
    f"{NODE_PREFIX}*/{{name}}/journal below AMLFLOW_JOBS or the folder for temporary files. To "
    "send them, set AMLFLOW_JOURNAL_FOLDER to that folder there, and run `amlflow sync`."
)


def look_at_cluster(tracker: Tracker, record: RunRecord, open_cluster: OpenCluster) -> bool | None:
    """Ask the cluster for the state of a run's job, and note it in the tracker.

    Returns whether the run has changed. Returns None if the state is not known: this machine does
    not know the cluster, the cluster does not answer, or it does not know the submitter's jobs.
    """
    name = cluster_name_of(record)
    cluster = open_cluster()
    if name is None or cluster is None:
        return None
    # Before the cluster is asked: a submitter that ends then has handed the job over.
    is_left = _has_no_submitter(tracker, record)
    try:
        job = cluster.look([name]).get(name)
        if job is None or (job.state is JobState.UNKNOWN and not has_job_of(cluster, record)):
            return None
        if job.state in _LEFT and requested_end_of(record) is not None:
            return remove_from_queue(tracker, record, cluster, name)
    except Unavailable:  # this says nothing about the job
        return None
    if job.state in (JobState.RUNNING, JobState.SUSPENDED):
        change = _silence_change(tracker, record)
    else:
        change = cluster_change(record, job)
    if change is None and job.state is JobState.UNKNOWN and is_left:
        end = fail_as_lost(NOT_SUBMITTED).change(datetime.now(timezone.utc))
        change = dataclasses.replace(end, properties=claim_for_nobody())
        return note_change(tracker, record, change)
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
    QUEUED     Queued, with what the job waits for, unless its end is requested or the
               attempt that it waits for has begun since: the answer may be old
    PREPARING  Preparing, if it was Queued
    RUNNING    --: the agent reports the run. If it is silent, NotResponding
    SUSPENDED  as RUNNING
    ENDING     --: the agent may still report the end
    COMPLETED  Failed, since the agent ended without reporting the script's end
    FAILED     Failed, with the cluster's reason
    CANCELED   Canceled, with the cluster's reason
    UNKNOWN    Failed, if it had an agent or was seen in the queue. Otherwise --, since
               it may not be in the queue yet
    =========  ====================================================================

    If the end of the run was requested, it ends as requested when its job has ended. If a later
    attempt than the one that has ended has begun since, nothing changes: the answer may be old.
    """
    if record.status in FINAL:
        return None
    request = requested_end_of(record)
    if job.state is JobState.QUEUED:
        has_begun = latest_attempt(record.properties) >= job.attempt
        return None if request or has_begun else _to_queued(record, job)
    if job.state is JobState.PREPARING:
        is_queued = record.status == Status.QUEUED
        return RunChange(status=Status.PREPARING) if is_queued else None
    if job.state in (JobState.RUNNING, JobState.SUSPENDED, JobState.ENDING):
        return None
    if job.state is JobState.UNKNOWN and not has_agent(record):
        if parse_waiting(record) is None:
            return None
        return (request or fail_as_lost(_NOT_STARTED)).change(datetime.now(timezone.utc))
    if request is None and job.state is not JobState.UNKNOWN:
        return _end_with_attempt(record, job)
    return (request or _end_of(record, job)).change(datetime.now(timezone.utc))


def _end_with_attempt(record: RunRecord, job: ClusterJob) -> RunChange | None:
    """Return the end of a run for the end of its job's attempt, unless a later one has begun."""
    if latest_attempt(record.properties) > job.attempt:
        return None
    change = _end_of(record, job).change(datetime.now(timezone.utc))
    return dataclasses.replace(change, system={**change.system, ENDED_ATTEMPT: str(job.attempt)})


def _has_no_submitter(tracker: Tracker, record: RunRecord) -> bool:
    """Whether the process that submitted a run has ended, and neither agent nor queue had the job.

    It has a folder on its machine, whose lock it holds, until the cluster has the job. If the
    folder cannot be seen here, only the time tells: it may be on another machine, below another
    folder, or be an older amlflow's.
    """
    note = parse_job(record)
    if record.status in FINAL or has_agent(record) or parse_waiting(record) is not None:
        return False
    if note is None:
        return False
    folder = find_job(tracker.uri, record)
    if folder is not None:
        return not folder.has_agent()
    is_here = note.host == this_host() and note.base is not None
    is_seen = is_here and note.base == hash_of_base(jobs_folder())
    limit = timedelta(seconds=SUBMIT_S if is_seen else ABANDONED_S)
    return datetime.now(timezone.utc) - record.created > limit


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
    now = datetime.now(timezone.utc)
    return None if _is_clock_behind(record, now) else agent_change(record, Agent.ELSEWHERE, now)


def _is_clock_behind(record: RunRecord, now: datetime) -> bool:
    """Whether the last heartbeat may look old only because the node's clock is behind.

    An earlier look noted that the agent was silent, but the agent has sent another heartbeat since.
    So the age that this look had computed shows by how much the clocks may differ.
    """
    note, heartbeat = parse_silence(record), parse_heartbeat(record)
    if note is None or note.since is None or note.heartbeat is None or heartbeat is None:
        return False
    difference = note.since - note.heartbeat
    return heartbeat != note.heartbeat and now - heartbeat - difference < limit_of(record)


def _to_queued(record: RunRecord, job: ClusterJob) -> RunChange | None:
    note = {"reason": job.reason, "before": job.before, "id": job.id, "attempt": job.attempt}
    known = parse_waiting(record)
    is_same = known is not None and (known.reason, known.attempt) == (job.reason, job.attempt)
    if record.status == Status.QUEUED and is_same:
        return None
    return RunChange(status=Status.QUEUED, system={WAITING: json.dumps(note)})


def _end_of(record: RunRecord, job: ClusterJob) -> EndRequest:
    known = "" if job.id is None else f" (job {job.id} of the cluster)"
    if job.state is JobState.CANCELED:
        reason = job.reason or "The cluster has cancelled it."
        return EndRequest(Status.CANCELED, to_error(f"{reason}{known}", "ServiceError"))
    if job.state is JobState.UNKNOWN:
        return fail_as_lost(
            "The cluster no longer knows the run's job, and the job did not report how it ended."
        )
    if job.exit_code == LEFT_OPEN and job.reason is None:
        return EndRequest(Status.FAILED, to_error(f"{_TOLD}{known}", "ServiceError"))
    code = "" if job.exit_code is None else f" with exit code {job.exit_code}"
    cause = ""
    if job.exit_code in NOT_RUN:
        cause = _NO_AGENT
    elif job.exit_code in NOT_BEGUN and latest_attempt(record.properties) < job.attempt:
        cause = _NO_AMLFLOW
    reason = job.reason or (
        f"The run's agent ended{code} without reporting how the script ended. {cause}If the "
        "target has the setting 'output', the agent's own output is in the file that it names."
    )
    name = cluster_name_of(record)
    has_left = job.nodes is not None and has_agent(record)
    left = _LEFT_ON_NODE.format(nodes=job.nodes, name=name) if has_left else ""
    return EndRequest(Status.FAILED, to_error(f"{reason}{known}{left}", "ServiceError"))
