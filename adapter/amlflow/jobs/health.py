"""Looks at a submitted run: whether its agent lives, and what is to be noted if it does not.

A look reads. What it may write is a status in the tracker; it starts nothing and removes nothing.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone

from amlflow.exceptions import AuthenticationException
from amlflow.jobs.finding import find_job
from amlflow.jobs.job import JobFolder
from amlflow.jobs.run_notes import SILENT, has_agent, is_submitted, silence_change
from amlflow.jobs.tickets import is_waiting
from amlflow.spec import FINAL, PropertyConflict, Refused, RunChange, RunRecord, Status, Tracker
from amlflow.tracker_data import parse_heartbeat

logger = logging.getLogger("amlflow")


def look(tracker: Tracker, record: RunRecord) -> bool:
    """Note it in the tracker if a run's agent is gone; whether the run has changed.

    On the machine of the job a lock tells whether the agent lives: without it the run is
    NotResponding until its submitter's next command. Elsewhere, and where the agent had nothing
    left to tell, the heartbeats tell when it is lost.
    """
    change = _change(tracker, record)
    if change is None:
        return False
    try:
        tracker.update_run(record.id, change)
    except PropertyConflict:
        return True
    except (Refused, AuthenticationException) as refusal:
        # Whoever may only read sees the run as it was, and so does everybody in an archived one.
        logger.warning(
            "Run %s is %s, which could not be noted: %s", record.id, change.status, refusal.message
        )
        return False
    return True


def _change(tracker: Tracker, record: RunRecord) -> RunChange | None:
    now = datetime.now(timezone.utc)
    folder = find_job(tracker.uri, record)
    if folder is None:
        return silence_change(record, now)
    if folder.has_agent() or _waits(folder, record):
        return None
    # An agent that has just ended told the tracker before it let go of the lock.
    record = tracker.get_run(record.id)
    if record.status in FINAL or not is_submitted(record) or not folder.path.is_dir():
        return None
    if record.status != Status.NOT_RESPONDING:
        last = parse_heartbeat(record)
        silence = {}
        if last is not None:
            silence = {"heartbeat": last.isoformat(), "since": now.isoformat()}
        return RunChange(status=Status.NOT_RESPONDING, system={SILENT: json.dumps(silence)})
    # How the script ended is known on this machine, and is told by the submitter's next command.
    return None if folder.outcome.exists() else silence_change(record, now)


def _waits(folder: JobFolder, record: RunRecord) -> bool:
    """Whether the run's turn has not come yet."""
    if has_agent(record):
        return False
    try:
        job = folder.read()
    except OSError:
        return False
    return is_waiting(job.target, folder.name, folder.path.parent)
