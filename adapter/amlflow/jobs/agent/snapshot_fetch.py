"""Fetches the snapshot of a cluster's job while the agent claims the run."""

from __future__ import annotations

import logging
import threading

from amlflow.exceptions import AzureMLException
from amlflow.jobs.agent.node_job import fetch_snapshot
from amlflow.jobs.job import Job, JobFolder

logger = logging.getLogger("amlflow.agent")

LEAVE_S = 2.0
"""How long an agent that does not run the script waits for the end of the fetching."""


class SnapshotFetch:
    """Fetches one job's snapshot in another thread.

    Fetching only reads. So it does no harm if this agent is not allowed to run the script after
    all.
    """

    def __init__(self, job: Job, folder: JobFolder) -> None:
        self._job, self._folder = job, folder
        self._is_there = False
        self._thread = threading.Thread(target=self._try, name="snapshot", daemon=True)

    def start(self) -> None:
        """Begin to fetch."""
        self._thread.start()

    def finish(self) -> None:
        """Wait for the snapshot. If the first try failed, try once more, and raise the error."""
        self._thread.join()
        if not self._is_there:
            fetch_snapshot(self._job, self._folder)

    def leave(self) -> None:
        """Wait for a short time, so that nothing is written to a folder that is being removed."""
        if self._thread.is_alive():
            self._thread.join(LEAVE_S)

    def _try(self) -> None:
        try:
            fetch_snapshot(self._job, self._folder)
            self._is_there = True
        except (AzureMLException, OSError) as failure:  # the tracker may be away for now
            logger.warning("%s", failure)
