"""Looks at a submitted run: finds out if its agent is alive, and notes a status if it is gone.

A look reads. It may write a status in the tracker, but it starts nothing and removes nothing.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta, timezone
from enum import Enum

from amlflow.exceptions import AuthenticationException
from amlflow.jobs.finding import find_job
from amlflow.jobs.job import JobFolder
from amlflow.jobs.run_notes import (
    DEFAULT_HEARTBEAT_S,
    MAX_MISSED,
    SILENT,
    fail_as_lost,
    has_agent,
    is_submitted,
)
from amlflow.jobs.tickets import is_waiting
from amlflow.spec import FINAL, PropertyConflict, Refused, RunChange, RunRecord, Status, Tracker
from amlflow.tracker_notes import (
    parse_cluster,
    parse_heartbeat,
    parse_heartbeat_seconds,
    parse_silence,
)

logger = logging.getLogger("amlflow")


def look(tracker: Tracker, record: RunRecord) -> bool:
    """Look at a run, and note in the tracker if its agent is gone. Returns if the run has changed.

    The rules are in :func:`agent_change`.
    """
    change = _change(tracker, record)
    return change is not None and note_change(tracker, record, change)


def note_change(tracker: Tracker, record: RunRecord, change: RunChange) -> bool:
    """Write the change of a look to the tracker. Returns whether the run has changed."""
    try:
        tracker.update_run(record.id, change)
    except PropertyConflict:
        return True
    except (Refused, AuthenticationException) as refusal:
        # You may not change this run, or its experiment is archived. The run stays as it was.
        logger.warning(
            "Run %s is %s, which could not be noted: %s", record.id, change.status, refusal.message
        )
        return False
    return True


class Agent(Enum):
    """What this machine knows of a run's agent."""

    ALIVE = "its lock is held, or the run waits for its turn"
    GONE = "its lock is free"
    GONE_WITH_OUTCOME = "its lock is free, and it left how the script ended"
    ELSEWHERE = "the job is not on this machine"


class Silence(Enum):
    """How long a run's agent has been silent. The limit is MAX_MISSED heartbeats."""

    FRESH = "the last heartbeat is younger than the limit, or there is none"
    OLD = "the last heartbeat is older than the limit"
    NOTED = "it is older, and that was noted less than the limit ago"
    LOST = "it is older, and that was noted at least the limit ago"


def agent_change(record: RunRecord, agent: Agent, now: datetime) -> RunChange | None:
    """Return the change of a run for the state of its agent. None means that nothing changes.

    =========  =====  ==============  =================  ==============
    Silence    ALIVE  GONE            GONE_WITH_OUTCOME  ELSEWHERE
    =========  =====  ==============  =================  ==============
    FRESH      --     NotResponding*  NotResponding*     --
    OLD        --     NotResponding   NotResponding*     NotResponding
    NOTED      --     NotResponding*  NotResponding*     --
    LOST       --     Failed**        NotResponding*     Failed
    =========  =====  ==============  =================  ==============

    ``*``: only if the run is not NotResponding already. ``**``: NotResponding first, if the run is
    not NotResponding yet. A run that was not submitted, or that has ended, is not changed. The job
    of a cluster may go on without a heartbeat, so its run is NotResponding and never Failed here:
    the cluster knows the job's state (:mod:`amlflow.jobs.cluster.looking`).

    The clocks of two machines differ. So a run is lost only if the limit passes a second time, by
    the observer's clock, without a new heartbeat. If the script's outcome is on this machine, the
    run is not lost: the submitter's next command reports how the script ended.
    """
    if not is_submitted(record) or record.status in FINAL or agent is Agent.ALIVE:
        return None
    last = parse_heartbeat(record)
    if agent is not Agent.ELSEWHERE and record.status != Status.NOT_RESPONDING:
        return _not_responding(last, now)
    if agent is Agent.GONE_WITH_OUTCOME or last is None:
        return None
    silence = silence_of(record, now)
    if silence is Silence.OLD:
        return _not_responding(last, now)
    if silence is Silence.LOST and parse_cluster(record) is None:
        return fail_as_lost(
            f"The agent of the run has not responded since {last.isoformat()}: it was killed, or "
            "its machine is down or cannot reach the tracker."
        ).change(now)
    return None


def silence_of(record: RunRecord, now: datetime) -> Silence:
    """Return how long a run's agent has been silent."""
    heartbeat, limit = parse_heartbeat(record), limit_of(record)
    if heartbeat is None or now - heartbeat < limit:
        return Silence.FRESH
    note = parse_silence(record)
    if note is None or note.since is None or note.heartbeat != heartbeat:
        return Silence.OLD
    return Silence.NOTED if now - note.since < limit else Silence.LOST


def limit_of(record: RunRecord) -> timedelta:
    """Return how old the last heartbeat of an agent may be."""
    return timedelta(seconds=MAX_MISSED * (parse_heartbeat_seconds(record) or DEFAULT_HEARTBEAT_S))


def _not_responding(last: datetime | None, now: datetime) -> RunChange:
    note = {} if last is None else {"heartbeat": last.isoformat(), "since": now.isoformat()}
    return RunChange(status=Status.NOT_RESPONDING, system={SILENT: json.dumps(note)})


def _change(tracker: Tracker, record: RunRecord) -> RunChange | None:
    now = datetime.now(timezone.utc)
    folder = find_job(tracker.uri, record)
    if folder is None:
        return agent_change(record, Agent.ELSEWHERE, now)
    if folder.has_agent() or _is_queued(folder, record):
        return None
    # An agent reports the end before it releases the lock, so read the run again after the lock.
    record = tracker.get_run(record.id)
    if not folder.path.is_dir():
        return None
    has_outcome = folder.outcome.exists()
    return agent_change(record, Agent.GONE_WITH_OUTCOME if has_outcome else Agent.GONE, now)


def _is_queued(folder: JobFolder, record: RunRecord) -> bool:
    """Whether the run still waits in its target's queue."""
    if has_agent(record):
        return False
    try:
        job = folder.read()
    except OSError:
        return False
    return is_waiting(job.target, folder.name, folder.path.parent)
