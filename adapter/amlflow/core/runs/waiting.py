"""Waits for a run's end, and prints its log meanwhile."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TextIO

from amlflow.core.runs.details import RunDetails
from amlflow.exceptions import ActivityFailedException, ExperimentExecutionException
from amlflow.jobs.run_notes import is_launched
from amlflow.spec import FINAL, JOB, Status
from amlflow.terminal_texts import LogOutput
from amlflow.tracker_notes import parse_environment

if TYPE_CHECKING:
    from amlflow.jobs.log_reader import LogReader


class RunWaiting(RunDetails):
    """v1's call that waits for a run."""

    def wait_for_completion(
        self,
        show_output: bool = False,
        wait_post_processing: bool = False,
        raise_on_error: bool = True,
    ) -> dict[str, Any]:
        """Wait until the run has ended. Returns :meth:`get_details`.

        In a submitted script, another run may take the script's place in the queue meanwhile.

        Args:
            show_output: Print the run's log as it grows, and a summary.
            wait_post_processing: Accepted, as in v1, and not used: nothing follows a final status.
            raise_on_error: Raise if the run failed.

        Raises:
            ActivityFailedException: the run failed. The message contains its error as JSON.
            ExperimentExecutionException: Ctrl-C interrupted the waiting. The run goes on.
        """
        with _giving_up_place():
            self._wait(sys.stdout if show_output else None, self._status_when_tended)
        details = self.get_details()
        if self._record.status == Status.FAILED and raise_on_error:
            error = details.get("error", {"error": {"code": "UserError", "message": "unknown"}})
            raise ActivityFailedException(error_details=json.dumps(error, indent=4))
        return details

    def _wait(self, output: TextIO | None, ask: Callable[[], str]) -> None:
        try:
            self._report(output, ask)
        except KeyboardInterrupt:
            raise ExperimentExecutionException(
                f"Waiting for run {self.id} was interrupted; the run itself goes on. "
                f"Cancel it with run.cancel() or `amlflow run cancel -r {self.id}`."
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
        """Print the run's logs as they grow, until the run has ended."""
        # Only a submitted run needs these modules. They lock files, which not every system can.
        from amlflow.jobs.job import BUILD_LOG, LOG
        from amlflow.jobs.log_reader import LogReader

        note = parse_environment(self._record)
        logs = [StreamedLog(LOG, LogReader(self._tracker, self._record, LOG))]
        if note is not None and note.is_made:
            reader = LogReader(self._tracker, self._record, BUILD_LOG)
            build_log = StreamedLog(BUILD_LOG, reader, is_optional=True)
            logs = [build_log, replace(logs[0], after=build_log)]
        pause = 0.05
        while True:
            # Read the status before the logs. Otherwise the last lines might be missed.
            status = ask()
            ended = status in FINAL
            if output is not None and is_launched(self._record):
                if len(logs) > 1 and status not in _WITH_BUILD_LOG:
                    logs.pop(0).write(output, last=True)
                for log in logs if ended else logs[:1]:
                    log.write(output, ended)
                output.flush()
            if ended:
                return
            time.sleep(pause)
            pause = min(pause * 1.5, 1)


_WITH_BUILD_LOG = (
    Status.NOT_STARTED,
    Status.QUEUED,
    Status.PREPARING,
    Status.NOT_RESPONDING,
    Status.CANCEL_REQUESTED,
    Status.FINALIZING,
)
"""While the run has one of these statuses, its environment may still be made, or the log of that is
perhaps not in the tracker yet."""


@dataclass(slots=True)
class StreamedLog:
    """A log that grows, printed under a heading.

    An optional log that is empty has no heading. For example, the build log is empty if the
    environment exists already. As in v1, a blank line comes first if the log ``after`` was printed.
    """

    name: str
    reader: LogReader
    is_optional: bool = False
    after: StreamedLog | None = None
    has_begun: bool = False
    output: tuple[TextIO, LogOutput] | None = None

    def write(self, output: TextIO, last: bool) -> None:
        for text in self.reader.new(last):
            if self.is_optional and not text:
                continue
            if not self.has_begun:
                gap = "\n" if self.after is not None and self.after.has_begun else ""
                heading = f"Streaming {self.name}\n{'=' * (10 + len(self.name))}\n"
                print(f"{gap}{heading}", file=output)
                self.has_begun = True
            if self.output is None or self.output[0] is not output:
                self.output = output, LogOutput(output)
            self.output[1].write(text)


def _giving_up_place() -> AbstractContextManager[None]:
    if JOB not in os.environ:
        return nullcontext()
    from amlflow.jobs.idle_script import give_up_place  # only submitted scripts need it

    return give_up_place()


def watch_run(run: RunWaiting, output: TextIO | None) -> None:
    """Wait for a run's end and print its log. This only reads: it does not continue the job."""
    run._wait(output, run.get_status)
