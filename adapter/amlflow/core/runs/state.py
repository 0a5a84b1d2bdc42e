"""A run's state: how it starts and ends, what is known of it, and waiting for its end."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO, TypeVar

from amlflow.core.runs.base import logger
from amlflow.core.runs.files import RunFiles
from amlflow.core.runs.stamps import this_writer
from amlflow.exceptions import (
    ActivityFailedException,
    ExperimentExecutionException,
    UserErrorException,
)
from amlflow.jobs.run_notes import EndRequest, is_launched, is_submitted
from amlflow.plugins import announce
from amlflow.spec import (
    COMPLETED_WITH_ERRORS,
    FINAL,
    FileNotInRun,
    RunChange,
    RunRecord,
    Status,
    Unavailable,
    tried_once,
)
from amlflow.tracker_data import parse_definition, parse_error, parse_target, parse_warnings

Self = TypeVar("Self", bound="RunLife")

LOG_FOLDERS = ("azureml-logs/", "logs/", "user_logs/")
MAX_POLL_S = 15
"""For a submitted run's agent to end its script: 5 s are its own, the rest is the tracker's."""
MAX_ERROR = 2000
"""Characters of an error's message and of its traceback that are kept."""


class RunLife(RunFiles):
    """Start, end and state of a run."""

    @property
    def status(self) -> str:
        """The status as last known; :meth:`get_status` asks for it."""
        return self._record.status

    def get_status(self) -> str:
        """The status now. A final one is not asked for again."""
        if not self._ended():
            self._reload()
        return self._record.status

    def get_detailed_status(self) -> dict[str, Any]:
        """The status and, as a text, what is known of its reason: ``status`` and ``details``."""
        status = self.get_status()
        error = self._error()
        return {"status": status, "details": None if error is None else error["error"]["message"]}

    def start(self) -> None:
        """Mark a run as started that :meth:`create_children` or somebody else has made."""
        started = datetime.now(timezone.utc)
        self._change(RunChange(status=Status.RUNNING, started=started))

    def complete(self, _set_status: bool = True) -> None:
        """End the run as Completed, with what lies in its outputs and logs folders.

        Raises:
            UserErrorException: the run is Failed or Canceled already, and stays so.
        """
        self._end(Status.COMPLETED, _set_status)

    def fail(
        self,
        error_details: str | BaseException | None = None,
        error_code: str | None = None,
        _set_status: bool = True,
    ) -> None:
        """End the run as Failed, also one that was Completed, but with errors.

        Args:
            error_details: What went wrong; ``get_details()["error"]["error"]`` shows it.
            error_code: v1's code for it, "UserError" if left out.

        Raises:
            TypeError: ``error_details`` is neither a text nor an exception.
            UserErrorException: the run is Canceled.
        """
        if error_details is not None and not isinstance(error_details, (str, BaseException)):
            raise TypeError(
                "error_details is a text or an exception, and not a "
                f"{type(error_details).__name__}."
            )
        system = {}
        if error_details is not None or error_code is not None:
            system["error"] = json.dumps(_error(error_details, error_code))
        self._end(Status.FAILED, _set_status, system)

    def cancel(self) -> None:
        """End the run as Canceled.

        Of a submitted run, this asks for the end: it is CancelRequested until all of the script's
        processes are gone. One whose script has not started yet is Canceled at once.

        Raises:
            UserErrorException: the run has ended already.
        """
        from amlflow.jobs.cancel import check_goes_on, request_end  # only some systems have it

        record = self._record if self._ended() else self._reload()
        check_goes_on(record)
        if is_submitted(record):
            if record.status == Status.CANCEL_REQUESTED:
                logger.warning("Run %s is being cancelled already.", self.id)
            request_end(self._tracker, record, EndRequest(Status.CANCELED), Status.CANCEL_REQUESTED)
            self._tend()
            self._reload()
        else:
            self._end(Status.CANCELED, True)

    def _end(
        self,
        status: str,
        set_status: bool,
        system: dict[str, str] | None = None,
        *,
        unless_ended: bool = False,
    ) -> None:
        if set_status and not self._ended() and is_submitted(self._record):
            self._end_submitted(status, system or {})
            return
        kept_files = self._ended()
        end = None
        if set_status and (before := self._status_at_end()) in FINAL:
            if unless_ended or before == status:
                return
            if (before, status) != COMPLETED_WITH_ERRORS:
                raise UserErrorException(
                    f"Run {self.id} is {before} already and cannot become {status}."
                )
            end = self._record.ended
        if not kept_files:
            self._upload_tracked()
        if set_status:
            ended = end or datetime.now(timezone.utc)
            self._change(RunChange(status=status, ended=ended, system=system or {}))
        this_writer().forget(self._record.id)

    def _status_at_end(self) -> str:
        try:
            with tried_once():
                return self.get_status()
        except Unavailable:
            # The end waits in the journal then, and whoever brings it to the tracker looks.
            return self._record.status

    def _end_submitted(self, status: str, system: dict[str, str]) -> None:
        """Have the run's agent end its script, and wait for that."""
        from amlflow.jobs.cancel import request_end

        given = json.loads(system["error"]) if "error" in system else None
        asked = EndRequest(status, given)
        request_end(self._tracker, self._reload(), asked)
        deadline = time.monotonic() + MAX_POLL_S
        while self._status_when_tended() not in FINAL:
            if time.monotonic() > deadline:  # nobody is there to obey
                self._change(asked.change())
                return
            time.sleep(0.1)
        if self._record.status != status:
            self._end(status, True, system)

    def _tend(self) -> None:
        """See that the run's job on this machine goes on, if its agent is gone."""
        if is_launched(self._record):
            from amlflow.jobs.tending import tend_run  # needs what only some systems have

            tend_run(self._tracker, self._record)

    def _status_when_tended(self) -> str:
        self._tend()
        return self.get_status()

    def _reload(self) -> RunRecord:
        """The record now; the first to see that a submitted run's agent is gone says so."""
        record = super()._reload()
        if is_submitted(record) and record.status not in FINAL:
            from amlflow.jobs.health import look

            if look(self._tracker, record):
                record = super()._reload()
        return record

    def _change(self, change: RunChange) -> None:
        """Apply a change to state; the record follows without asking."""
        self._update(change)
        if change.status == Status.RUNNING:
            announce("amlflow_run_started", self._record)
        elif change.status in FINAL:
            announce("amlflow_run_ended", self._record)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        exc_traceback: TracebackType | None,
    ) -> None:
        is_error = exc_value is not None and (
            not isinstance(exc_value, SystemExit) or bool(exc_value.code)
        )
        if self._ended() and not (is_error and self._record.status == Status.COMPLETED):
            return
        if not is_error:
            self._end(Status.COMPLETED, True, unless_ended=True)
            return
        try:
            self.fail(error_details=exc_value)
        except Exception:  # noqa: BLE001
            # The exception of the block says more, and it goes on.
            logger.exception("Run %s could not be marked as Failed.", self.id)

    def flush(self, timeout_seconds: int = 300) -> None:
        """Return when all that this process has logged is in the tracker.

        Raises:
            ServiceException: it is not within the time; it waits on this machine's disk.
            UserErrorException: the tracker refused some of it; the message says why and where it
                is kept.
        """
        self._tracker.flush(self._record.id, timeout_seconds)

    # what is known

    def get_details(self) -> dict[str, Any]:
        """The run's state and definition as v1's dict; what is absent is left out.

        Keys: runId, target, status, startTimeUtc, endTimeUtc (ISO 8601 in UTC), error, warnings,
        properties, inputDatasets, outputDatasets, runDefinition, logFiles (name to link),
        submittedBy.
        """
        record = self._reload()
        link = self._tracker.run_link(record)
        return self._details({name: f"{link}/artifacts/{name}" for name in self._log_names()})

    def get_details_with_logs(self) -> dict[str, Any]:
        """As :meth:`get_details`, with the text of the logs instead of links.

        A log that the run lists and does not give is left out, and the log of this process names
        it.
        """
        record = self._reload()
        grows = is_launched(record) and record.status not in FINAL
        texts = {}
        for name in self._log_names():
            try:
                texts[name] = self._log_text(name, grows)
            except FileNotInRun as missing:
                logger.warning("%s", missing.message)
        return self._details(texts)

    def _log_text(self, name: str, grows: bool) -> str:
        from amlflow.jobs.job import LOG
        from amlflow.jobs.log_reader import LogReader

        if name == LOG and grows:
            return "".join(LogReader(self._tracker, self._record).so_far())
        return self._text(name)

    def _details(self, log_files: dict[str, str]) -> dict[str, Any]:
        record = self._record
        details: dict[str, Any] = {
            "runId": self.id,
            "target": parse_target(record) or "sdk",
            "status": record.status,
            "startTimeUtc": _iso(record.started),
            "endTimeUtc": _iso(record.ended),
            "error": self._error(),
            "warnings": parse_warnings(record),
            "runDefinition": parse_definition(record),
            "submittedBy": record.user,
        }
        return {
            **{key: value for key, value in details.items() if value is not None},
            "properties": dict(record.properties),
            "inputDatasets": [],
            "outputDatasets": [],
            "logFiles": log_files,
        }

    def _error(self) -> dict[str, Any] | None:
        ended_badly = self._record.status in (Status.FAILED, Status.CANCELED)
        return parse_error(self._record) if ended_badly else None

    def _log_names(self) -> list[str]:
        run_id = self._record.id
        return sorted(
            name for folder in LOG_FOLDERS for name in self._tracker.list_files(run_id, folder)
        )

    def get_all_logs(self, destination: str | None = None) -> list[str]:
        """Write the run's logs below a folder (default: here); the paths are returned.

        A log whose name would lead out of the folder is left out, and the log of this process
        names it.
        """
        below = Path(destination or ".")
        paths = (self._fetch_listed(name, name, below) for name in self._log_names())
        return [str(path) for path in paths if path is not None]

    # waiting

    def wait_for_completion(
        self,
        show_output: bool = False,
        wait_post_processing: bool = False,
        raise_on_error: bool = True,
    ) -> dict[str, Any]:
        """Wait until the run has ended, and return :meth:`get_details`.

        Args:
            show_output: Print the run's log as it grows, and a summary.
            wait_post_processing: Accepted as in v1; a final status is the end of everything here.
            raise_on_error: Raise if the run failed.

        Raises:
            ActivityFailedException: the run failed; the message carries its error as JSON.
            ExperimentExecutionException: waiting was interrupted with Ctrl-C; the run goes on.
        """
        self._wait(sys.stdout if show_output else None, self._status_when_tended)
        details = self.get_details()
        if self._record.status == Status.FAILED and raise_on_error:
            error = details.get("error", {"error": {"code": "UserError", "message": "unknown"}})
            raise ActivityFailedException(error_details=json.dumps(error, indent=4))
        return details

    def _watch(self, output: TextIO | None) -> None:
        """As :meth:`wait_for_completion`, and nothing is done for the run's job."""
        self._wait(output, self.get_status)

    def _wait(self, output: TextIO | None, ask: Callable[[], str]) -> None:
        try:
            self._report(output, ask)
        except KeyboardInterrupt:
            raise ExperimentExecutionException(
                f"Waiting for run {self.id} was interrupted; the run itself goes on. "
                "Cancel it with run.cancel()."
            ) from None

    def _report(self, output: TextIO | None, ask: Callable[[], str]) -> None:
        link = self._tracker.run_link(self._record)
        head = f"RunId: {self.id}\nWeb View: {link}\n"
        if output is not None:
            print(head, file=output, flush=True)
        self._stream(output, ask)
        if output is not None:
            print(f"\nExecution Summary\n=================\n{head}", file=output, flush=True)

    def _stream(self, output: TextIO | None, ask: Callable[[], str]) -> None:
        """Write the run's log as it grows, until the run has ended."""
        from amlflow.jobs.job import LOG
        from amlflow.jobs.log_reader import LogReader

        log = LogReader(self._tracker, self._record)
        begun = False
        pause = 0.05
        while True:
            # Asked before the log is read: what was there at the end is read then.
            ended = ask() in FINAL
            if output is not None and is_launched(self._record):
                for text in log.new(ended):
                    if not begun:
                        print(f"Streaming {LOG}\n{'=' * (10 + len(LOG))}\n", file=output)
                        begun = True
                    output.write(text)
                output.flush()
            if ended:
                return
            time.sleep(pause)
            pause = min(pause * 1.5, 1)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _error(details: str | BaseException | None, code: str | None) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code or "UserError", "message": ""}
    if isinstance(details, BaseException):
        text = str(details)
        error["message"] = _end_of(f"{type(details).__name__}: {text}" if text else repr(details))
        error["stackTrace"] = _end_of("".join(traceback.format_tb(details.__traceback__)))
    elif details is not None:
        error["message"] = _end_of(details)
    return {"error": error}


def _end_of(text: str) -> str:
    """The end of a long text, which in an error says most; what is left out is said."""
    if len(text) <= MAX_ERROR:
        return text
    return f"({len(text) - MAX_ERROR} characters left out) …{text[-MAX_ERROR:]}"
