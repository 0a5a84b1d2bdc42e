"""The state of a run: how it starts and ends."""

from __future__ import annotations

import json
import logging
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from amlflow.core.runs.base import RunBase
from amlflow.core.runs.files import upload_folders
from amlflow.core.runs.stamps import this_writer
from amlflow.exceptions import AuthenticationException, UserErrorException
from amlflow.jobs.run_notes import (
    EndRequest,
    is_launched,
    is_left_in_queue,
    is_on_cluster,
    is_submitted,
)
from amlflow.plugins import announce
from amlflow.run_errors import to_error
from amlflow.spec import (
    COMPLETED_WITH_ERRORS,
    FINAL,
    Cluster,
    RunChange,
    RunRecord,
    Status,
    Unavailable,
    tried_once,
)
from amlflow.tracker_notes import parse_target

logger = logging.getLogger("amlflow")

Self = TypeVar("Self", bound="RunState")

MAX_POLL_S = 15
"""How long to wait for an agent to end its script: 5 s for the script, 10 s for the tracker."""
FRESH_S = 1.0
"""How old a record may be when the run's heartbeat in it is judged."""


class RunState(RunBase):
    """Starting, ending and looking at a run."""

    @property
    def status(self) -> str:
        """The last known status. :meth:`get_status` reads it again."""
        return self._record.status

    def get_status(self) -> str:
        """Return the current status. A final status is not read again."""
        if not self._has_ended():
            self._reload()
        self._remove_left_job()
        return self._record.status

    def start(self) -> None:
        """Mark the run as started. :meth:`create_children` or another client has created it."""
        started = datetime.now(timezone.utc)
        self._change(RunChange(status=Status.RUNNING, started=started))

    def complete(self, _set_status: bool = True) -> None:
        """End the run as Completed, and store the files of its outputs and logs folders.

        Raises:
            UserErrorException: the run is Failed or Canceled already. Its status does not change.
        """
        self._end(Status.COMPLETED, _set_status)

    def fail(
        self,
        error_details: str | BaseException | None = None,
        error_code: str | None = None,
        _set_status: bool = True,
    ) -> None:
        """End the run as Failed. A Completed run can still become Failed.

        Args:
            error_details: What went wrong. ``get_details()["error"]["error"]`` shows it.
            error_code: v1's code for the error (default: "UserError").

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
            system["error"] = json.dumps(to_error(error_details, error_code))
        self._end(Status.FAILED, _set_status, system)

    def cancel(self) -> None:
        """Cancel the run.

        For a submitted run, this asks its agent to end the script. The run is CancelRequested until
        all processes of the script have ended. If the script has not started yet, it is Canceled at
        once.

        On a cluster, the script is told to end before the tracker is asked. So if the tracker is
        away, its exception is raised, and the run is Canceled when the tracker is back.

        Raises:
            UserErrorException: the run has ended already.
        """
        from amlflow.jobs.cancel import check_goes_on  # needs file locks

        telling = self._start_telling_agent()
        record = self._record if self._has_ended() else self._reload()
        self._remove_left_job()
        check_goes_on(record)
        if is_submitted(record):
            if record.status == Status.CANCEL_REQUESTED:
                logger.warning("Run %s is being cancelled already.", self.id)
            telling = telling or self._start_telling_agent()
            request, is_told = EndRequest(Status.CANCELED), telling is not None
            self._request_end(record, request, Status.CANCEL_REQUESTED, is_told=is_told)
            if telling is not None:
                telling.join()
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
        if set_status and not self._has_ended() and is_submitted(self._record):
            self._end_submitted(status, system or {})
            return
        kept_files = self._has_ended()
        end = None
        if set_status and (old_status := self._status_at_end()) in FINAL:
            if unless_ended or old_status == status:
                return
            if (old_status, status) != COMPLETED_WITH_ERRORS:
                raise UserErrorException(
                    f"Run {self.id} is {old_status} already and cannot become {status}."
                )
            end = self._record.ended
        if not kept_files:
            upload_folders(self._tracker, self._record, Path(self._working_folder), self._tracked)
        if set_status:
            end_time = end or datetime.now(timezone.utc)
            self._change(RunChange(status=status, ended=end_time, system=system or {}))
        this_writer().forget(self._record.id)

    def _status_at_end(self) -> str:
        try:
            with tried_once():
                return self.get_status()
        except (Unavailable, AuthenticationException):
            # The end waits in the journal, and the process that sends it checks the run again. A
            # server may refuse credentials only for a while, such as when it has just started.
            return self._record.status

    def _request_end(
        self,
        record: RunRecord,
        request: EndRequest,
        meanwhile: str | None = None,
        *,
        is_told: bool = False,
    ) -> None:
        """Ask the agent of a submitted run to end it. A cluster's job is removed from the queue.

        ``is_told`` is whether the cluster tells the agent already.
        """
        from amlflow.jobs.cancel import request_end  # needs file locks

        request_end(self._tracker, record, request, meanwhile)
        if is_on_cluster(record):
            from amlflow.jobs.cluster.canceling import cancel_at_cluster  # few runs need it

            cancel_at_cluster(self._tracker, record, self._open_cluster, is_told=is_told)

    def _start_telling_agent(self) -> threading.Thread | None:
        """Tell the agent of a cluster's job that the run is to end; None if that is not known."""
        if not is_on_cluster(self._record):
            return None
        from amlflow.jobs.cluster.canceling import start_telling_agent  # few runs need it

        return start_telling_agent(self._tracker, self._record, self._open_cluster)

    def _end_submitted(self, status: str, system: dict[str, str]) -> None:
        """Ask the run's agent to end its script, and wait for that."""
        error = json.loads(system["error"]) if "error" in system else None
        request = EndRequest(status, error)
        self._request_end(self._reload(), request)
        deadline = time.monotonic() + MAX_POLL_S
        while self._status_when_tended() not in FINAL:
            if time.monotonic() > deadline:  # the agent does not answer
                self._change(request.change())
                return
            time.sleep(0.1)
        if self._record.status != status:
            self._end(status, True, system)

    def _tend(self) -> None:
        """Continue the run's job on this machine if its agent is gone."""
        if is_launched(self._record):
            from amlflow.jobs.tending import tend_run  # needs file locks

            tend_run(self._tracker, self._record)

    def _status_when_tended(self) -> str:
        self._tend()
        return self.get_status()

    def _reload(self) -> RunRecord:
        """Read the record. For a submitted run, this notes in the run if its agent is gone."""
        record = super()._reload()
        if is_submitted(record) and record.status not in FINAL and self._look(record):
            record = super()._reload()
        return record

    def _look(self, record: RunRecord) -> bool:
        if is_on_cluster(record):
            from amlflow.jobs.cluster.looking import look_at_cluster  # few runs need it

            begin = time.monotonic()
            is_changed = look_at_cluster(self._tracker, record, self._open_cluster)
            if is_changed is not None:
                return is_changed
            if time.monotonic() - begin > FRESH_S:  # it has not answered, and there are new beats
                record = super()._reload()
        from amlflow.jobs.health import look  # needs file locks

        return look(self._tracker, record)

    def _remove_left_job(self) -> None:
        """Remove the job of this run from its cluster's queue, if it was left there."""
        if is_left_in_queue(self._record):
            from amlflow.jobs.cluster.canceling import remove_left_job  # few runs need it

            if remove_left_job(self._tracker, self._record, self._open_cluster):
                super()._reload()

    def _open_cluster(self) -> Cluster | None:
        from amlflow.core.compute.declared import find_cluster  # few runs need it

        return find_cluster(self._experiment.workspace, parse_target(self._record))

    def _change(self, change: RunChange) -> None:
        """Change the state, and apply it to the known record without reading it again."""
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
        if self._has_ended() and not (is_error and self._record.status == Status.COMPLETED):
            return
        if not is_error:
            self._end(Status.COMPLETED, True, unless_ended=True)
            return
        try:
            self.fail(error_details=exc_value)
        except Exception:
            # The exception of the `with` block says more, so that one is raised.
            logger.exception("Run %s could not be marked as Failed.", self.id)

    def flush(self, timeout_seconds: int = 300) -> None:
        """Wait until everything that this process has logged is in the tracker.

        Raises:
            ServiceException: some of it did not arrive in time. It stays on this machine's disk,
                and is sent later.
            UserErrorException: the tracker refused some of it. The message says why, and where it
                is kept.
        """
        self._tracker.flush(self._record.id, timeout_seconds)
