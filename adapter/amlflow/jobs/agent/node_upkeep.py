"""Prepares a node of a distributed job, and sends its files. One process of each node does this."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import threading
from collections.abc import Callable, Iterator

from amlflow.exceptions import AzureMLException
from amlflow.jobs.agent.node_job import adapt_to_node, make_working_folder
from amlflow.jobs.agent.prepared_work import PreparedWork
from amlflow.jobs.agent.preparing import prepare_work
from amlflow.jobs.agent.report import POLL_INTERVAL_S, Report
from amlflow.jobs.agent.supervise import open_data
from amlflow.jobs.cluster.payload import NODE_KIND
from amlflow.jobs.job import NODE_BUILD_LOG, Job, JobFolder
from amlflow.jobs.queue import NoQueue
from amlflow.jobs.run_notes import EndRequest, with_warnings
from amlflow.plugins import open_compute
from amlflow.spec import RunChange, Status, Work

logger = logging.getLogger("amlflow.agent")


class NodeReport(Report):
    """Sends a node's logs while they grow. The agent on the first node reports the run's status."""

    def follow(self) -> None:
        """Send new lines of the logs until :meth:`stop` is called."""
        while not self._stopped:
            try:
                self._send_logs()
            except (AzureMLException, OSError) as failure:
                logger.warning("%s", failure)
            self._look.wait(POLL_INTERVAL_S)
            self._look.clear()

    def note_prepared(self, prepared: PreparedWork) -> None:
        """Store the notes and warnings of preparing in the run."""
        change = RunChange(system=prepared.notes)
        if prepared.warnings:
            change = with_warnings(change, prepared.warnings)
        if change.system:
            self.note(change)

    def send_all(self) -> list[str]:
        """Send the rest of the logs and files. Returns a sentence for each that was not sent."""
        return [*self._send_journal(), *self._send_files()]


class Upkeep:
    """The upkeep of one node of a distributed job."""

    def __init__(self, job: Job, folder: JobFolder, attempt: int, node: int) -> None:
        if node:
            folder.build_log_name = NODE_BUILD_LOG.format(node=node)
        self._is_first = node == 0
        self._job = adapt_to_node(job, folder)
        self._folder, self._attempt = folder, attempt
        self._report = NodeReport(folder, self._job, NoQueue(), attempt)

    @contextlib.contextmanager
    def prepare(
        self, is_to_end: Callable[[], bool], is_to_leave: Callable[[], bool]
    ) -> Iterator[Work]:
        """Prepare the work that each process of the node runs. At the end, send its files.

        Raises the exceptions of preparing, and OSError if a file could not be sent.
        """
        job, folder = self._job, self._folder
        retry = functools.partial(self._report.retry, is_to_end=is_to_end)
        make_working_folder(job, folder, self._attempt, retry)
        with contextlib.ExitStack() as stack:
            compute = open_compute(NODE_KIND, {})
            reporter = threading.Thread(target=self._report.follow, daemon=True)
            reporter.start()
            try:
                prepared = prepare_work(job, folder, compute, is_to_end, stack)
                if self._is_first:  # for all nodes, since they have the same environment
                    self._report.note_prepared(prepared)
                work, data = prepared.work, open_data(job, folder)
                if data is not None:
                    work = data.provide(work, is_to_end)
                yield work
            finally:
                self._report.stop()
                reporter.join()
                if is_to_leave():
                    self._report.leave()  # the cluster ends this process soon
                os.chdir(folder.path)
                unsent = self._report.send_all()
            if data is not None:
                outcome, change = data.keep(EndRequest(Status.COMPLETED))
                self._report.note(change)
                if outcome.error is not None:
                    raise OSError(outcome.error["error"]["message"])
            if unsent:
                raise OSError(" ".join(unsent))
