"""Cleans up after jobs whose agent is gone. The submitter's commands do this on its machine.

* If the agent could not report how its script ended, another agent is started to report it.
* If the agent was killed, its script is ended, and the script's files and records are sent.
* If the job never starts, it is removed.
* The next jobs of its queue are started.

``submit``, ``cancel``, ``wait_for_completion`` and ``amlflow sync`` do this. Looking at a run
(:mod:`amlflow.jobs.health`) never does.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import shlex
import time
from collections.abc import Callable

from amlflow.exceptions import AzureMLException, ComputeTargetException
from amlflow.jobs.cancel import claim_for_nobody, is_unclaimable
from amlflow.jobs.cluster.identity import has_job_of
from amlflow.jobs.cluster.names import make_cluster_name
from amlflow.jobs.finding import find_job, own_jobs, proof_of
from amlflow.jobs.job import BUILD_LOG, LOG, Job, JobFolder
from amlflow.jobs.launch import launch
from amlflow.jobs.queue import Queue
from amlflow.jobs.removal import remove
from amlflow.jobs.run_notes import (
    fail_as_lost,
    has_agent,
    is_launched,
    is_on_cluster,
    left_out_warning,
    requested_end_of,
    with_warnings,
)
from amlflow.jobs.tickets import is_waiting
from amlflow.jobs.tracker_files import find_tracker_files, warn_of_kept_files
from amlflow.journal.folder import process_folders, tracker_folder
from amlflow.journal.recovery import read_refused, recover
from amlflow.local_files import files_below, pin_files
from amlflow.plugins import open_cluster, open_compute
from amlflow.spec import (
    FINAL,
    Cluster,
    JobState,
    PropertyConflict,
    Refused,
    RunChange,
    RunNotFound,
    RunRecord,
    Tracker,
)

logger = logging.getLogger("amlflow")

UNWRITTEN_S = 60.0
"""If a folder without a job and without a lock is older than this, its submitter was killed."""
PAUSE_S = 2.0
"""Seconds between two agents that try to report how a script ended."""


def tend_run(tracker: Tracker, record: RunRecord) -> bool:
    """Tend a run's job, if it is on this machine and belongs to this user.

    Returns whether the run has changed. Raises the tracker's exceptions.
    """
    folder = find_job(tracker.uri, record)
    if folder is None or folder.has_agent():
        return False
    return _tend(folder, tracker, record.id)


def tend_all(open_tracker: Callable[[str], Tracker]) -> None:
    """Tend all jobs of this user on this machine.

    If it fails for a job, that is logged, and the other jobs are tended.
    """
    for folder in own_jobs():
        if folder.has_agent():
            continue
        try:
            job = folder.read()
            tracker = open_tracker(job.tracking_uri)
            try:
                record = tracker.get_run(job.run_id)
                own_folder = find_job(tracker.uri, record)
                if own_folder is not None and own_folder.name == folder.name:
                    _tend(folder, tracker, record.id)
            except (RunNotFound, Refused) as refusal:
                _drop_without_run(folder, job, refusal)
        except FileNotFoundError:  # the job has just ended, or was never written
            _drop_unwritten(folder)
        except (AzureMLException, OSError) as failure:
            logger.warning("The job in %s cannot be tended now: %s", folder.path, failure)


def _tend(folder: JobFolder, tracker: Tracker, run_id: str) -> bool:
    lock = folder.take()
    if lock is None:  # another process tends the job, or the job was removed
        return False
    try:
        record = tracker.get_run(run_id)  # with the agent's last report before the lock was free
        try:
            job = folder.read()
        except FileNotFoundError:
            message = "The process that submitted the run ended before the run was started."
            if is_on_cluster(record):  # other runs may share the folder
                return _end_unstarted(tracker, record, message)
            return _give_up(tracker, record, folder, None, message)
        if not is_launched(record):
            return False
        if folder.unsent.exists():
            _end_unsent(folder, job)
            return False
        if folder.outcome.exists():
            _resume(folder, lock)
            return False
        if is_unclaimable(record) and not folder.work.exists():
            _drop(folder, job)
            return False
        cluster = open_cluster(job.target.kind, job.target.settings)
        if cluster is not None:
            return _tend_submitted(cluster, tracker, record, job, folder)
        if has_agent(record):
            return _clean(tracker, record, job, folder)
        is_queued = is_waiting(job.target, folder.name, folder.path.parent)
        if not is_queued or record.status in FINAL:
            return _give_up(tracker, record, folder, job, _last_words_of_agent(folder))
    finally:
        os.close(lock)
    Queue(job.target, folder.path.parent).advance()
    return False


def _tend_submitted(
    cluster: Cluster, tracker: Tracker, record: RunRecord, job: Job, folder: JobFolder
) -> bool:
    """Tend a cluster's jobs if their submitter was killed before it knew whether they are queued.

    Returns whether the record's run has changed. Raises :class:`Unavailable` if the cluster does
    not answer.
    """
    proof = proof_of(folder)
    names = {run_id: make_cluster_name(run_id, proof) for run_id in job.run_ids}
    jobs = cluster.look(list(names.values()), now=True)
    is_any_unknown = any(job.state is JobState.UNKNOWN for job in jobs.values())
    if is_any_unknown and not has_job_of(cluster, record):
        return False  # the target's name is another cluster's here, or another user's
    changed = False
    for run_id, name in names.items():
        if jobs[name].state is not JobState.UNKNOWN:
            continue
        with contextlib.suppress(RunNotFound):  # another run that shares the folder was deleted
            own = record if run_id == record.id else tracker.get_run(run_id)
            if not has_agent(own) and own.status not in FINAL:
                message = "The process that submitted the run ended before the cluster had the job."
                _end_unstarted(tracker, own, message)
                changed = changed or own is record
    remove(folder)
    return changed


def _give_up(
    tracker: Tracker, record: RunRecord, folder: JobFolder, job: Job | None, message: str
) -> bool:
    """End a run that never starts, and remove its job."""
    if _end_unstarted(tracker, record, message):
        _drop(folder, job)
    return True


def _end_unstarted(tracker: Tracker, record: RunRecord, message: str) -> bool:
    """End a run that never starts, so that no agent claims it. Returns False if one has it."""
    change = fail_as_lost(f"{message} Submit it again.").change()
    if record.status in FINAL:
        change = RunChange()
    if not has_agent(record):
        change = dataclasses.replace(change, properties=claim_for_nobody())
        try:
            tracker.update_run(record.id, change)
        except PropertyConflict:  # an agent has claimed it in the meantime
            return False
    elif record.status not in FINAL:
        tracker.update_run(record.id, change)
    return True


def _drop(folder: JobFolder, job: Job | None) -> None:
    """Remove a job from the disk and from its queue."""
    remove(folder)
    if job is not None:
        Queue(job.target, folder.path.parent).leave(folder.name)


def _last_words_of_agent(folder: JobFolder) -> str:
    message = "The agent of the run ended before it had started the script"
    with contextlib.suppress(OSError):
        lines = folder.agent_log.read_text(encoding="utf-8", errors="replace").split("\n")
        last_lines = [line for line in lines if line.strip()][-1:]
        cause = last_lines[0][:300].rstrip(".") if last_lines else "it was killed"
        return f"{message}: {cause}."
    return f"{message}."


def _resume(folder: JobFolder, lock: int) -> None:
    """Start an agent that reports to the tracker how the script ended."""
    with contextlib.suppress(FileNotFoundError):
        if time.time() - folder.outcome.stat().st_mtime >= PAUSE_S:
            os.utime(folder.outcome)
            try:
                launch(folder, lock)
            except OSError as failure:
                raise ComputeTargetException(
                    f"The script of the job in {str(folder.path)!r} has ended, but the agent that "
                    f"reports its end could not be started: {failure}."
                ) from failure


def _clean(tracker: Tracker, record: RunRecord, job: Job, folder: JobFolder) -> bool:
    """End the script of a killed agent, send the script's files and records, and end the run."""
    with contextlib.suppress(AzureMLException):
        open_compute(job.target.kind, job.target.settings).clean(job.name)
    Queue(job.target, folder.path.parent).leave(job.name)
    journal = tracker_folder(folder.journal, job.tracking_uri)
    recover(journal, lambda: tracker)
    warnings = _send_files(tracker, job, folder)
    tracker_files = find_tracker_files(folder, tracker)
    if tracker_files:
        warnings.insert(0, warn_of_kept_files(tracker_files))
    changed = record.status not in FINAL
    if changed:
        # If an end was requested, the run ends as requested: the script has been ended.
        end = requested_end_of(record) or fail_as_lost(
            "The agent of the run was killed, or its machine was restarted. Processes of the "
            "script that still ran were ended."
        )
        change = end.change()
        tracker.update_run(record.id, with_warnings(change, warnings) if warnings else change)
    if process_folders(journal):  # a process that could not be ended may still log
        return changed
    if _has_records(folder):  # the tracker refused them, or they are for another tracker
        folder.put(folder.unsent, {"files": []})
    else:
        remove(folder, tracker_files)
    return changed


def _drop_without_run(folder: JobFolder, job: Job, refusal: AzureMLException) -> None:
    """Remove a job whose run was deleted or accepts no changes, if its script has left nothing."""
    lock = folder.take()
    if lock is None:
        return
    try:
        with contextlib.suppress(AzureMLException):
            open_compute(job.target.kind, job.target.settings).clean(job.name)
        if folder.outcome.exists() or _has_files(folder) or _has_records(folder):
            logger.warning(
                "The files and records that the script of run %s left cannot be sent: %s They are "
                "in %s. If you restore the run, `amlflow sync` sends them. To drop them: rm -r %s",
                job.run_id, refusal.message, folder.path, shlex.quote(str(folder.path)),
            )  # fmt: skip
            return
        _drop(folder, job)
    finally:
        os.close(lock)


def _drop_unwritten(folder: JobFolder) -> None:
    """Remove a folder if its submitter was killed before it had written the job."""
    if folder.work.exists() or folder.job.exists():
        return  # it has a tracker's files (tracker_files.py), or is being written
    with contextlib.suppress(FileNotFoundError):
        if time.time() - folder.path.stat().st_mtime < UNWRITTEN_S:
            return
        lock = folder.take()
        if lock is None:
            return
        try:
            if not folder.job.exists():
                remove(folder)
                logger.warning(
                    "The folder %s was removed: the process that submitted a run ended before it "
                    "had written the job. If the run is listed, `amlflow run cancel` ends it.",
                    folder.path,
                )
        finally:
            os.close(lock)


def _end_unsent(folder: JobFolder, job: Job) -> None:
    """Remove a job with unsent files and records when somebody has removed these; else warn."""
    unsent = folder.unsent_files()
    if _has_records(folder):
        unsent.append(f"Records of the script are in {folder.journal}.")
    if not unsent:
        remove(folder)
        return
    logger.warning(
        "Some files or records of run %s could not be sent. %s To try again, remove %s and run "
        "`amlflow sync`. To drop them: rm -r %s",
        job.run_id, " ".join(unsent), folder.unsent, shlex.quote(str(folder.path)),
    )  # fmt: skip


def _has_files(folder: JobFolder) -> bool:
    return any(files_below(folder.work / name, folder.work).files for name in ("outputs", "logs"))


def _has_records(folder: JobFolder) -> bool:
    """Whether the job's journal has records for any tracker."""
    if not folder.journal.is_dir():
        return False
    return any(
        process_folders(tracker) or any(read_refused(tracker))
        for tracker in folder.journal.iterdir()
    )


def _send_files(tracker: Tracker, job: Job, folder: JobFolder) -> list[str]:
    """Send the script's outputs and logs. Returns a warning for each file that is left out."""
    missing: dict[str, str] = {}

    def leave_out(name: str) -> None:
        missing[name] = left_out_warning(name)

    folders = [files_below(folder.work / name, folder.work) for name in ("outputs", "logs")]
    for name in (name for below in folders for name in below.left_out):
        leave_out(name)
    files = {name: path for below in folders for name, path in below.files.items()}
    with pin_files(files, folder.work, folder.sending, leave_out) as safe:
        logs = {LOG: folder.log, BUILD_LOG: folder.build_log, **folder.process_logs()}
        for name, path in logs.items():
            if path.exists():
                safe[name] = path
        if safe:
            tracker.put_files(job.run_id, safe, replace=True)
    return list(missing.values())
