"""The agent: it runs one script, ends it on request, and reports to the tracker.

One thread watches the script (this file). Another thread calls the tracker (report.py), so that a
slow tracker does not delay the script.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from amlflow.data.canceled import ProvidingCanceled
from amlflow.environments.dates import advise_on_date
from amlflow.environments.errors import EnvironmentBuildCanceled
from amlflow.exceptions import AzureMLException, SnapshotException
from amlflow.jobs.agent.hearing import Superseded
from amlflow.jobs.agent.last_lines import add_last_lines, read_last_lines
from amlflow.jobs.agent.preparing import needs_preparation, prepare_work
from amlflow.jobs.agent.processes import distribute_here, expand_arguments, failure_in
from amlflow.jobs.agent.report import Report
from amlflow.jobs.job import Job, JobFolder
from amlflow.jobs.launch import LOCK
from amlflow.jobs.queue import NoQueue, Queue
from amlflow.jobs.removal import remove
from amlflow.jobs.run_notes import ENVIRONMENT, EndRequest
from amlflow.jobs.unpack import unpack
from amlflow.plugins import open_compute
from amlflow.run_errors import to_error
from amlflow.spec import JOB, Compute, Ending, PropertyConflict, RunNotFound, Started, Status, Work

if TYPE_CHECKING:
    from amlflow.jobs.agent.data import JobData

logger = logging.getLogger("amlflow.agent")

GRACE_S = 2.5
"""Seconds between asking the script to end and ending it by force."""
TICK_S = 0.2
FIRST_TICKS = (0.01, 0.02, 0.03, 0.05, 0.05, 0.1, 0.1)
"""Seconds between two looks at the script: at first short, for scripts that end soon."""
FULL = 2 << 20
"""A disk with fewer free bytes counts as full. The end of a script has freed its journal's file."""


def supervise(path: str) -> None:
    """Run the job in a folder to its end."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    path_of_job = Path(path)
    folder = JobFolder(path_of_job.name, path_of_job.parent)
    job = folder.read()
    queue = Queue(job.target, path_of_job.parent)
    # The lock is inherited, or taken if you start this by hand. Two agents never share a folder.
    inherited = os.environ.get(LOCK)
    lock = int(inherited) if inherited is not None else folder.take()
    if lock is None:
        logger.error("Another agent already runs the job %s.", folder.name)
        return
    os.set_inheritable(lock, False)
    _enter(job, folder)
    os.environ.clear()
    os.environ.update({**job.environ, JOB: job.name})
    try:
        Agent(folder, job, queue).run()
    finally:
        queue.leave(job.name)
        os.close(lock)


def _enter(job: Job, folder: JobFolder) -> None:
    """Change to the submitter's working folder, since the tracker's URI may be relative to it."""
    try:
        os.chdir(job.submitted_from or folder.path)
    except OSError:  # the folder was removed
        os.chdir(folder.path)


class Agent:
    """Runs one job."""

    def __init__(self, folder: JobFolder, job: Job, queue: NoQueue, attempt: int = 1) -> None:
        self._folder, self._job, self._queue = folder, job, queue
        self._report = Report(folder, job, queue, attempt)
        self._signalled: EndRequest | None = None
        self._has_newest_packages = False

    def run(self) -> None:
        """Claim the run, run the script, and send everything to the tracker."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        if self._folder.outcome.exists():  # an earlier agent could not report the end
            self._tell(*_read_outcome(self._folder))
            return
        try:
            self._report.claim(uuid.uuid4().hex)
        except (PropertyConflict, RunNotFound, Superseded):
            # The run was cancelled while it waited, has another agent, or was deleted.
            remove(self._folder)
            return
        except AzureMLException as failure:
            logger.error("The script was not started: %s", failure.message)
            return
        if self._report.has_ended:  # a cluster has put the job back after its run had ended
            remove(self._folder)
            return
        try:
            outcome = self._run_script()
        except (EnvironmentBuildCanceled, ProvidingCanceled):
            outcome = self._requested_end() or EndRequest(Status.CANCELED)
        except AzureMLException as failure:
            outcome = EndRequest(Status.FAILED, to_error(failure.message))
        except OSError as failure:
            outcome = EndRequest(
                Status.FAILED, to_error(f"The script could not be started: {failure}")
            )
        except Exception as failure:
            logger.exception("The agent failed.")
            outcome = EndRequest(
                Status.FAILED, to_error(f"The agent failed: {failure!r}", "ServiceError")
            )
        ended = datetime.now(timezone.utc)
        self._queue.leave(self._job.name)
        try:
            self._folder.put(
                self._folder.outcome,
                {"status": outcome.status, "error": outcome.error, "ended": ended.isoformat()},
            )
        except OSError as failure:  # such as a full disk: no later agent can report the end
            logger.warning("The outcome could not be written: %s", failure)
        self._tell(outcome, ended)

    def _tell(self, outcome: EndRequest, ended: datetime) -> None:
        _enter(self._job, self._folder)  # the current folder may have been removed
        unsent = self._report.finish(outcome, ended)
        if unsent:  # a later agent could not send it either
            with contextlib.suppress(OSError):  # such as a full disk
                self._folder.put(self._folder.unsent, {"files": self._report.unsent_files})
        elif unsent is not None:
            remove(self._folder, self._report.tracker_files)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._report.leave()
        name = signal.Signals(number).name
        message = f"The agent of the run was told to end ({name}), as when its machine shuts down."
        self._signalled = EndRequest(Status.FAILED, to_error(message, "ServiceError"))

    def _run_script(self) -> EndRequest:
        """Run the script, and return how the run ends."""
        request = self._requested_end()
        if request is not None:
            return request
        self._unpack()
        compute = self._open_compute()
        with contextlib.ExitStack() as reporting:
            data = open_data(self._job, self._folder)
            if data is not None or needs_preparation(self._job, compute):  # may take minutes
                self._report.preparing()
                reporting.enter_context(self._reporting())
            prepared = prepare_work(self._job, self._folder, compute, self._is_to_end, reporting)
            work = prepared.work if data is None else data.provide(prepared.work, self._is_to_end)
            self._report.running(prepared.notes, prepared.warnings)
            has_date = (self._job.specification or {}).get("before") is not None
            self._has_newest_packages = ENVIRONMENT in prepared.notes and not has_date
            request = self._requested_end()
            if request is not None:
                return request
            self._folder.log.touch(0o600)
            script = compute.start(self._distribute(work, compute))
            try:
                if not self._report.is_following:
                    reporting.enter_context(self._reporting())
                outcome = self._wait_for_end(script)
            finally:
                # This also ends processes that a script has left behind.
                try:
                    script.end(GRACE_S)
                except AzureMLException as failure:  # the script's own end is known already
                    logger.warning("%s", failure.message)
            if data is not None:  # may take long, so heartbeats go on
                outcome, change = data.keep(outcome)
                self._report.note(change)
            return outcome

    def _distribute(self, work: Work, compute: Compute) -> Work:
        """Return the work that starts all processes of the script."""
        if self._job.distribution is not None:
            return distribute_here(work, self._job.distribution, self._folder)
        return expand_arguments(work, compute)

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        """Send heartbeats and logs, and read requests to end, in a thread."""
        self._report.is_following = True
        reporter = threading.Thread(target=self._report.follow, name="report", daemon=True)
        reporter.start()
        try:
            yield
        finally:
            self._report.stop()
            reporter.join()

    def _open_compute(self) -> Compute:
        return open_compute(self._job.target.kind, self._job.target.settings)

    def _unpack(self) -> None:
        unpack_snapshot(self._folder)

    def _requested_end(self) -> EndRequest | None:
        return self._signalled or self._report.end_request

    def _is_to_end(self) -> bool:
        self._heed_nudge()
        return self._requested_end() is not None

    def _heed_nudge(self) -> None:
        """Look into the tracker at once if another process of this machine asks for it."""
        if self._folder.end.exists():
            self._folder.end.unlink(missing_ok=True)
            self._report.look()

    def _wait_for_end(self, script: Started) -> EndRequest:
        """Wait until the script ends, its time is over or its end is requested."""
        start = time.monotonic()
        ticks = iter(FIRST_TICKS)
        while True:
            # If the script has ended by itself, that counts, and not a request to end.
            ending = script.ending()
            if ending is not None:
                return self._ending_to_result(ending)
            self._heed_nudge()
            request = self._requested_end()
            if request is None:
                request = self._end_for_time(time.monotonic() - start)
            if request is not None:
                script.end(0.0 if self._report.is_superseded else GRACE_S)
                return request
            self._pause(next(ticks, TICK_S))

    def _pause(self, seconds: float) -> None:
        """Wait until the next look at the script."""
        time.sleep(seconds)

    def _end_for_time(self, seconds: float) -> EndRequest | None:
        """Return how the run ends if its script has run for too many seconds, or None."""
        limit = self._job.max_seconds
        if limit is None or seconds <= limit:
            return None
        message = f"The run took longer than max_run_duration_seconds={limit:g}."
        return EndRequest(Status.CANCELED, to_error(message))

    def _ending_to_result(self, ending: Ending) -> EndRequest:
        if ending.code == 0 and ending.reason is None:
            return EndRequest(Status.COMPLETED)
        message = ending.reason or f"The script ended with exit code {ending.code}."
        path, end, which = self._folder.log, ending.errors_end, "its output"
        distribution = self._job.distribution
        failure = failure_in(self._folder, distribution.processes) if distribution else None
        if distribution is not None and failure is not None:
            message = failure.describe(distribution.processes)
            if ending.is_out_of_memory:
                message = f"{message} {ending.reason}"
            path, end, which = self._folder.process_log(failure.number), None, failure.output
        if shutil.disk_usage(self._folder.path).free < FULL:
            message = (
                f"{message} The disk of its working folder, {str(self._folder.work)!r}, is full."
            )
        to = "" if end is None else " up to the end of its standard error"
        lines = read_last_lines(path, end)
        message = add_last_lines(message, lines, f"{which}{to}")
        advice = advise_on_date(lines) if self._has_newest_packages else None
        message = f"{message}\n{advice}" if advice else message
        return EndRequest(Status.FAILED, to_error(message))


def unpack_snapshot(folder: JobFolder) -> None:
    """Make the script's working folder. Raises :class:`SnapshotException`."""
    try:
        unpack(folder.snapshot, folder.work)
        for name in ("outputs", "logs"):
            if not (folder.work / name).exists():  # the user may have a file of this name
                (folder.work / name).mkdir()
    except OSError as failure:
        raise SnapshotException(
            f"The snapshot could not be unpacked into {str(folder.work)!r}: "
            f"{failure.strerror or failure}."
        ) from failure


def open_data(job: Job, folder: JobFolder) -> JobData | None:
    """Return the job's data; None if it has none."""
    if job.data is None:
        return None
    # fsspec and pyarrow take long to import, and most scripts get no data.
    from amlflow.jobs.agent.data import JobData

    return JobData(job, folder)


def _read_outcome(folder: JobFolder) -> tuple[EndRequest, datetime]:
    outcome = json.loads(folder.outcome.read_text(encoding="utf-8"))
    ended = datetime.fromisoformat(outcome["ended"])
    return EndRequest(outcome["status"], outcome["error"]), ended
