"""Sends an agent's heartbeats, logs and the end to the tracker, and reads requests to end.

While the tracker is away, the script goes on. When the tracker is back, the rest is sent.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from amlflow.claims import claim_key
from amlflow.exceptions import AzureMLException
from amlflow.jobs.agent.hearing import Superseded, check_is_latest, hear
from amlflow.jobs.agent.while_away import MAX_PAUSE_S, RETRY_LIMIT_S, repeat_while_away
from amlflow.jobs.job import DEFINITION_FILE, LOG, LOG_PART, PACKAGES_FILE, Job, JobFolder
from amlflow.jobs.launch import import_path, importable
from amlflow.jobs.queue import NoQueue
from amlflow.jobs.run_notes import (
    DEFAULT_HEARTBEAT_S,
    HEARTBEAT_INTERVAL,
    HEARTBEAT_SETTING,
    EndRequest,
    left_out_warning,
    make_heartbeat,
    requested_end_of,
    unsent_warning,
    with_warnings,
)
from amlflow.jobs.tracker_files import find_tracker_files, warn_of_kept_files
from amlflow.journal.folder import process_folders, tracker_folder
from amlflow.layers.stack import open_keeper
from amlflow.local_files import files_below, pin_files
from amlflow.spec import (
    FINAL,
    Refused,
    RunChange,
    RunKeeper,
    RunNotFound,
    RunRecord,
    Status,
)

logger = logging.getLogger("amlflow.agent")

POLL_INTERVAL_S = 1.0
"""Seconds between two looks for a request to end, and between two uploads of a growing log."""
SHARE = 10
"""The pause before whole logs are sent again, as a multiple of the time of the last upload.

So a long log is sent whole less often. In between, its new parts are sent."""
MAX_PART = 8 << 20
"""How many bytes a part of a log has at most."""


class Report:
    """Reports one job to the tracker."""

    def __init__(self, folder: JobFolder, job: Job, queue: NoQueue, attempt: int = 1) -> None:
        self._folder, self._job, self._queue, self._attempt = folder, job, queue, attempt
        self._interval_s = float(job.environ.get(HEARTBEAT_SETTING, DEFAULT_HEARTBEAT_S))
        self._keeper: RunKeeper | None = None
        self._sent: dict[str, tuple[int, int]] = {}
        self._next_log = 0.0
        self._parts = 0
        self._sent_bytes = 0
        self._stopped = False
        self._left_out: dict[str, str] = {}
        self._log_lines: list[str] = []
        self._leaving, self._look = threading.Event(), threading.Event()
        self._status: str = Status.PREPARING
        self._is_queued = False
        self._warnings: list[str] = []
        self.is_following = False
        """Whether a thread is in :meth:`follow`."""
        self.is_superseded = False
        """Whether a later attempt has claimed the run."""
        self.has_ended = False
        """Whether the run has ended, when the tracker was last asked."""
        self.end_request: EndRequest | None = None
        """How the run must end, if that has been requested."""
        self.unsent_files: list[str] = []
        """A sentence for each file that :meth:`finish` could not send."""
        self.tracker_files: list[Path] = []
        """The tracker's own files in the job's folder. :meth:`finish` finds them."""

    def _open(self) -> RunKeeper:
        if self._keeper is None:
            self._keeper = open_keeper(self._job.tracking_uri)
        return self._keeper

    def retry(
        self,
        call: Callable[[], None],
        limit_s: float = RETRY_LIMIT_S,
        is_to_end: Callable[[], bool] = lambda: False,
    ) -> None:
        """Repeat a call while the tracker is away, up to the limit or until :meth:`leave`.

        If ``is_to_end`` returns True, it is not repeated either.
        """
        repeat_while_away(call, self._leaving, limit_s, is_to_end)

    def leave(self) -> None:
        """Stop waiting for a tracker that is away."""
        self._leaving.set()

    # before the script

    def claim(self, agent: str) -> None:
        """Make this the run's agent.

        Raises:
            PropertyConflict: the run has another agent.
            Superseded: a later attempt of the job has claimed the run.
        """
        if self._attempt > 1:
            self.retry(lambda: check_is_latest(self._read(), self._attempt))
        system = {**make_heartbeat(), HEARTBEAT_INTERVAL: f"{self._interval_s:g}"}
        change = RunChange(properties={claim_key(self._attempt): agent}, system=system)
        self.retry(lambda: self._open().update_run(self._job.run_id, change))
        self.retry(self._hear)

    def _read(self) -> RunRecord:
        return self._open().get_run(self._job.run_id)

    def preparing(self) -> None:
        """Report that the script's environment is being made."""
        change = RunChange(status=Status.PREPARING, system=make_heartbeat())
        if self._is_queued:
            self.retry(lambda: self._open().update_run(self._job.run_id, change))

    def running(self, notes: Mapping[str, str], warnings: Sequence[str]) -> None:
        """Report that the script starts, with notes for the run.

        The warnings are sent with the run's end.
        """
        self._status = Status.RUNNING
        self._warnings = list(warnings)
        # When the status is Running, a follower of the run expects the whole log of the build.
        self.retry(self._send_build_log)
        now, system = datetime.now(timezone.utc), {**make_heartbeat(), **notes}
        change = RunChange(status=Status.RUNNING, started=now, system=system)
        self.retry(lambda: self._open().update_run(self._job.run_id, change))

    def _send_build_log(self) -> None:
        path = self._folder.build_log
        if path.exists() and path.stat().st_size:
            state = self._state(path)
            self._put({self._folder.build_log_name: path})
            self._sent[self._folder.build_log_name] = state

    # while it runs

    def note(self, change: RunChange | None) -> None:
        """Store a change of the run, such as notes. None changes nothing."""
        if change is not None:
            self.retry(lambda: self._open().update_run(self._job.run_id, change))

    def look(self) -> None:
        """Look for requests in the tracker now."""
        self._look.set()

    def stop(self) -> None:
        """Make :meth:`follow` return, since the script has ended."""
        self._stopped = True
        self._look.set()

    def follow(self) -> None:
        """Read requests to end, and send heartbeats and new lines, until :meth:`stop` is called."""
        next_beat = time.monotonic() + self._interval_s
        pause = POLL_INTERVAL_S
        while not self._stopped:
            try:
                self._hear()
                if time.monotonic() >= next_beat:
                    self._open().update_run(self._job.run_id, RunChange(system=make_heartbeat()))
                    next_beat = time.monotonic() + self._interval_s
                    self._queue.advance()
                self._send_logs()
                pause = POLL_INTERVAL_S
            except Superseded:
                self.end_request = EndRequest(Status.CANCELED)  # this end is not reported
                return
            except RunNotFound:
                self.end_request = EndRequest(Status.CANCELED)  # the run was deleted for good
            except AzureMLException as away:
                logger.warning("%s", away.message)
                pause = min(pause * 2, MAX_PAUSE_S)
            except OSError as failure:  # such as a full disk, or a file that was removed
                logger.warning("%s", failure)
            self._look.wait(pause)
            self._look.clear()

    def hear(self) -> None:
        """Read now how the run must end. Raises :class:`Superseded` and the tracker's errors."""
        self.retry(self._hear)

    def _hear(self) -> None:
        try:
            record = hear(self._open(), self._job.run_id, self._attempt, self._status)
        except Superseded:
            self.is_superseded = True
            raise
        self.end_request = requested_end_of(record)
        self.has_ended = record.status in FINAL
        self._is_queued = record.status == Status.QUEUED

    def _send_logs(self) -> None:
        now = time.monotonic()
        if now < self._next_log:
            self._send_part()
            return
        files = {
            name: path
            for name, path in self._find_logs().items()
            if self._state(path) != self._sent.get(name)
        }
        if not files:
            return
        states = {name: self._state(path) for name, path in files.items()}
        self._put(files)
        self._sent.update(states)
        self._sent_bytes = max(self._sent_bytes, self._sent.get(LOG, (0, 0))[0])
        self._next_log = time.monotonic() + SHARE * (time.monotonic() - now)

    def _send_part(self) -> None:
        """Send the part of the log that the script has written since the last part."""
        if not self._folder.log.exists():  # the environment is still being made
            return
        with self._folder.log.open("rb") as log:
            log.seek(self._sent_bytes)
            content = log.read(MAX_PART)
        if not content:
            return
        part = self._folder.path / "log_part"
        part.write_bytes(b"%d\n%s" % (self._sent_bytes, content))
        name = LOG_PART.format(number=self._parts)
        self._open().put_files(self._job.run_id, {name: part}, replace=True)
        self._parts += 1
        self._sent_bytes += len(content)

    def _find_logs(self) -> dict[str, Path]:
        folder = self._folder
        files = {
            LOG: folder.log,
            folder.build_log_name: folder.build_log,
            DEFINITION_FILE: folder.definition,
            PACKAGES_FILE: folder.packages,
        }
        # A build log is empty if the environment was made before.
        own = {
            name: path
            for name, path in files.items()
            if path.exists() and (path != folder.build_log or path.stat().st_size)
        }
        return {**own, **folder.process_logs(), **self._find_files("logs")}

    def _find_files(self, folder: str) -> dict[str, Path]:
        """Return the files below a folder of the working folder, by their names in the run."""
        work = self._folder.work
        below = files_below(work / folder, work)
        for name in below.left_out:
            self._leave_out(name)
        return below.files

    def _leave_out(self, name: str) -> None:
        if name not in self._left_out:
            self._left_out[name] = left_out_warning(name)
            logger.warning("%s", self._left_out[name])

    def _put(self, files: Mapping[str, Path]) -> None:
        """Store files of the run. The script may replace them by links while they are sent."""
        folder = self._folder
        with pin_files(files, folder.work, folder.sending, self._leave_out) as safe:
            if safe:
                self._open().put_files(self._job.run_id, safe, replace=True)

    @staticmethod
    def _state(path: Path) -> tuple[int, int]:
        status = path.stat()
        return status.st_size, status.st_mtime_ns

    # after the script

    def leave_open(self) -> bool:
        """Send the rest, but do not end the run: the cluster may start the job again.

        Returns whether all was sent. A tracker that is away is not waited for, since the node ends
        this process soon.
        """
        self.leave()
        try:
            self._hear()
            return not [*self._send_journal(), *self._send_files()]
        except (Superseded, RunNotFound):
            return True
        except AzureMLException as failure:
            logger.error("The script's files could not be sent: %s", failure.message)
            return False

    def finish(self, outcome: EndRequest, ended: datetime) -> list[str] | None:
        """Send the rest, and the end of the run.

        Returns a sentence for each thing that could not be sent. These are also the run's warnings.
        Returns None if the end itself could not be sent.
        """
        try:
            self.retry(self._start_finalizing)
            self.unsent_files = []
            unsent = [*self._send_journal(), *self._send_files()]
            self.retry(self._find_tracker_files)
            change = outcome.change(ended)
            warnings = [*self._warnings, *self._kept_warnings(), *unsent, *self._left_out.values()]
            if warnings:
                change = with_warnings(change, warnings)
            self.retry(lambda: self._end(change))
        except RunNotFound:
            return []
        except Refused as refusal:
            self.unsent_files.append(f"The end of the run was refused: {refusal.message}")
            return self.unsent_files
        except AzureMLException as failure:
            logger.error("The run's end could not be sent to the tracker: %s", failure.message)
            return None
        return unsent

    def _find_tracker_files(self) -> None:
        self.tracker_files = find_tracker_files(self._folder, self._open())

    def _kept_warnings(self) -> list[str]:
        return [warn_of_kept_files(self.tracker_files)] if self.tracker_files else []

    def _send_journal(self) -> list[str]:
        """Send the records that the script left in its journal. Returns warnings."""
        uri = self._job.tracking_uri
        own_folder = tracker_folder(self._folder.journal, uri)
        warnings = []
        for other in set(self._folder.journal.iterdir()) - {own_folder}:
            for journal in process_folders(other):
                warnings.append(
                    f"Records that the script logged to {journal.about().get('tracker')} were not "
                    f"sent and are in {journal.path}. To send them, run `amlflow sync` with that "
                    "tracking URI."
                )
        return warnings + (self._send_records() if process_folders(own_folder) else [])

    def _send_records(self) -> list[str]:
        process = subprocess.run(
            [
                sys.executable,
                "-m",
                "amlflow.jobs.agent.send_journal",
                str(self._folder.journal),
                self._job.tracking_uri,
                os.getcwd(),
            ],
            cwd=self._folder.path,  # so that no module of another folder is imported
            env=importable(os.environ, import_path()),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if process.returncode:
            warning = f"The script's last records could not be sent: {process.stderr.strip()}"
            logger.warning("%s", warning)
            self._log_lines.append(warning)
            return [warning]
        counts = json.loads(process.stdout)
        if counts["sent"]:
            self._log_lines.append(
                f"{counts['sent']} records that the script had logged when it ended have been "
                "sent to the tracker."
            )
        if not counts["refused"]:
            return []
        warning = (
            f"The tracker refused {counts['refused']} records that the script had logged. They "
            f"are kept in {self._folder.journal}."
        )
        logger.warning("%s", warning)
        self._log_lines.append(warning)
        return [warning]

    def _write_log_lines(self) -> None:
        """Add the agent's own lines to the end of the run's log."""
        lines = [*self._log_lines, *self._left_out.values()]
        if not lines:
            return
        try:
            with self._folder.log.open("ab+") as log:
                if log.tell():
                    log.seek(-1, os.SEEK_END)
                    if log.read(1) != b"\n":
                        log.write(b"\n")
                log.writelines(f"amlflow: {text}\n".encode() for text in lines)
        except OSError as failure:  # such as a full disk
            logger.warning("%s", failure)

    def _start_finalizing(self) -> None:
        if self.end_request is not None:
            return
        if requested_end_of(self._read()) is None:
            change = RunChange(status=Status.FINALIZING, system=make_heartbeat())
            self._open().update_run(self._job.run_id, change)

    def _end(self, change: RunChange) -> None:
        self._open().update_run(self._job.run_id, change)

    def _send_files(self) -> list[str]:
        """Send logs and outputs. Returns a warning for each file that could not be sent."""
        files = {**self._find_files("outputs"), **self._find_logs()}
        self._write_log_lines()
        pending = {
            name: path
            for name, path in files.items()
            if path.exists() and self._state(path) != self._sent.get(name)
        }
        try:
            self.retry(lambda: self._put(pending))
        except RunNotFound:
            raise
        except (AzureMLException, OSError):
            for name, path in pending.items():  # one by one, so that only the bad one is left out
                try:
                    self.retry(functools.partial(self._put, {name: path}))
                except (AzureMLException, OSError) as failure:
                    self.unsent_files.append(unsent_warning(name, failure))
                    logger.warning("%s", self.unsent_files[-1])
        return self.unsent_files
