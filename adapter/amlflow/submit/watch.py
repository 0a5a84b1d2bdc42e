"""What others than its agent do with a submitted run: ask for its end, and see that it goes on."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import time
import uuid
from datetime import datetime, timezone

from amlflow.exceptions import AuthenticationException, AzureMLException
from amlflow.journal.folder import process_folders, tracker_folder
from amlflow.journal.recovery import recover
from amlflow.plugins import open_compute
from amlflow.spec import PropertyConflict, Refused, RunChange, RunRecord, Status, Tracker
from amlflow.submit.job import LOG, Job, JobFolder, this_host
from amlflow.submit.launch import launch
from amlflow.submit.notes import (
    AGENT,
    SILENT,
    Wish,
    has_agent,
    judged,
    lost,
    wish_of,
)
from amlflow.submit.queue import Queue
from amlflow.tracker_data import parse_job, parse_silence

logger = logging.getLogger("amlflow")

PAUSE_SECONDS = 2.0
"""Between two agents that try to tell how a script ended."""


def wish(tracker: Tracker, record: RunRecord, asked: Wish, meanwhile: str | None = None) -> None:
    """Have a submitted run end.

    Its agent is asked to, and the status is ``meanwhile`` until it has. Where no agent has the run
    yet, none gets it any more, and it ends at once.
    """
    folder = job_here(record)
    if not has_agent(record):
        try:
            tracker.update_run(record.id, RunChange(properties=_nobody()))
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
    job = None
    with contextlib.suppress(OSError):
        job = folder.read()
    if not folder.has_agent():
        folder.remove()
    if job is not None:
        Queue(job.target).leave(folder.name)


def job_here(record: RunRecord) -> JobFolder | None:
    """The folder of a run's job, if it was submitted on this machine."""
    job = parse_job(record)
    return None if job is None or job.host != this_host() else JobFolder(job.name)


def watch(tracker: Tracker, record: RunRecord) -> bool:
    """Note it if a run's agent is gone; whether the run has changed."""
    change = _watched(tracker, record)
    if change is None:
        return False
    try:
        tracker.update_run(record.id, change)
    except PropertyConflict:  # an agent has it after all
        return True
    except (Refused, AuthenticationException) as refusal:
        # Whoever may only read sees the run as it was, and so does everybody in an archived one.
        logger.warning(
            "Run %s is %s, which could not be noted: %s", record.id, change.status, refusal.message
        )
        return False
    folder = job_here(record)
    if AGENT in change.properties and folder is not None:
        _withdraw(folder)
    return True


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
    except OSError:
        if not folder.path.is_dir():  # it has just ended
            return None
        return _unstarted("The process that submitted the run ended before the run was started.")
    if not has_agent(record):
        return None if Queue(job.target).has(job.name) else _unstarted(_said_by_agent(folder))
    if folder.outcome.exists():
        _tell(folder)
        return None
    if parse_silence(record) is None:
        return RunChange(status=Status.NOT_RESPONDING, system={SILENT: "{}"})
    _clean(tracker, job, folder)
    asked = wish_of(record)
    if asked is not None:  # nothing of the script is left, which is what somebody wished
        return asked.change()
    return lost(
        "The agent of the run was killed, or its machine was restarted. What was left of the "
        "script has been ended."
    ).change()


def _unstarted(message: str) -> RunChange:
    """The end of a run that nobody starts any more, and which no agent gets after this."""
    change = lost(f"{message} Submit it again.").change()
    return dataclasses.replace(change, properties=_nobody())


def _nobody() -> dict[str, str]:
    return {AGENT: f"nobody-{uuid.uuid4().hex}"}


def _said_by_agent(folder: JobFolder) -> str:
    said = "The agent of the run ended before it had started the script"
    with contextlib.suppress(OSError):
        lines = folder.agent_log.read_text(encoding="utf-8", errors="replace").split("\n")
        last = [line for line in lines if line.strip()][-1:]
        return f"{said}: {last[0][:300].rstrip('.')}." if last else f"{said}: it was killed."
    return f"{said}."


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
    journal = tracker_folder(folder.journal, job.tracking_uri)
    recover(journal, lambda: tracker)
    if not process_folders(journal):  # one that could not be ended may log still
        folder.remove()
