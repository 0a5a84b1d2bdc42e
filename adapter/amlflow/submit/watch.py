"""What others than its agent do with a submitted run: ask for its end, and see that it goes on."""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from datetime import datetime, timezone

from amlflow.exceptions import AzureMLException
from amlflow.journal.folder import tracker_folder
from amlflow.journal.recovery import recover
from amlflow.plugins import open_compute
from amlflow.spec import PropertyConflict, RunChange, RunRecord, Status, Tracker
from amlflow.submit.job import LOG, Job, JobFolder, this_host
from amlflow.submit.launch import launch
from amlflow.submit.notes import (
    AGENT,
    JOB_NOTE,
    SILENT,
    Wish,
    has_agent,
    judged,
    lost,
)
from amlflow.submit.queue import Queue

PAUSE_SECONDS = 2.0
"""Between two agents that try to tell how a script ended."""


def wish(tracker: Tracker, record: RunRecord, asked: Wish, meanwhile: str | None = None) -> None:
    """Have a submitted run end.

    Its agent is asked to, and the status is ``meanwhile`` until it has. Where no agent has the run
    yet, none gets it any more, and it ends at once.
    """
    folder = job_here(record)
    if not has_agent(record):
        claim = RunChange(properties={AGENT: f"nobody-{uuid.uuid4().hex}"})
        try:
            tracker.update_run(record.id, claim)
        except PropertyConflict:  # an agent was quicker
            pass
        else:
            tracker.update_run(record.id, asked.change())
            if folder is not None:
                _withdraw(folder)
            return
    tracker.update_run(record.id, RunChange(status=meanwhile, system=asked.note()))
    if folder is not None:
        folder.nudge()


def _withdraw(folder: JobFolder) -> None:
    """Take a job that never starts out of its queue."""
    with contextlib.suppress(OSError):
        job = folder.read()
        if not folder.has_agent():
            folder.remove()
        Queue(job.target).leave(folder.name)


def job_here(record: RunRecord) -> JobFolder | None:
    """The folder of a run's job, if it was submitted on this machine."""
    note = json.loads(record.system.get(JOB_NOTE, "{}"))
    if note.get("host") != this_host():
        return None
    return JobFolder(note["name"])


def watch(tracker: Tracker, record: RunRecord) -> bool:
    """Note it if a run's agent is gone; whether the run has changed."""
    change = _watched(tracker, record)
    if change is not None:
        tracker.update_run(record.id, change)
    return change is not None


def _watched(tracker: Tracker, record: RunRecord) -> RunChange | None:
    """What is to be changed in a run because its agent is gone, or None if all is well.

    On the machine of the job, it is certain whether the agent is alive, and what it left behind is
    ended; elsewhere the heartbeats tell.
    """
    folder = job_here(record)
    if folder is None or not folder.path.is_dir():
        return judged(record, datetime.now(timezone.utc))
    if folder.has_agent():
        return None
    try:
        job = folder.read()
    except OSError:  # it is being submitted, or has just ended
        return None
    if not has_agent(record):
        Queue(job.target).advance()
        return None
    if folder.outcome.exists():
        _tell(folder)
        return None
    if SILENT not in record.system:
        return RunChange(status=Status.NOT_RESPONDING, system={SILENT: "{}"})
    _clean(tracker, job, folder)
    return lost(
        "The agent of the run was killed, or its machine was restarted. What was left of the "
        "script has been ended."
    ).change()


def _tell(folder: JobFolder) -> None:
    """Have another agent tell how the script ended, since its own could not."""
    with contextlib.suppress(OSError):
        if time.time() - folder.outcome.stat().st_mtime < PAUSE_SECONDS:
            return
        lock = folder.take()
        if lock is None:
            return
        try:
            os.utime(folder.outcome)
            launch(folder, lock)
        finally:
            os.close(lock)


def _clean(tracker: Tracker, job: Job, folder: JobFolder) -> None:
    """End what is left of a script, and keep what it had written."""
    with contextlib.suppress(AzureMLException):
        open_compute(job.target.kind, job.target.settings).clean(job.name)
    Queue(job.target).leave(job.name)
    if folder.log.exists():
        tracker.put_files(job.run_id, {LOG: folder.log}, replace=True)
    recover(tracker_folder(folder.journal, job.tracking_uri), lambda: tracker)
    folder.remove()
