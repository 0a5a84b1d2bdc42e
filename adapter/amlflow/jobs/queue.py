"""The queue of a compute target: at most N jobs run at once, and the others wait in order.

No daemon runs. A queue is a folder beside the jobs. It has a file ``waiting-<time>-<job>`` for
each waiting job, and a file ``running-<job>`` for each job that was started. A lock says whether a
job's agent is alive (:meth:`JobFolder.has_agent`). An agent that ends starts the next job, and so
do the submitter's commands. A job whose script waits for another run does not count.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from amlflow import file_lock
from amlflow.exceptions import UserErrorException
from amlflow.jobs.finding import NAME, fault_of
from amlflow.jobs.job import JobFolder, Target, jobs_folder
from amlflow.jobs.launch import launch
from amlflow.jobs.tickets import queue_folder

logger = logging.getLogger("amlflow")

LOCK_WAIT_S = 0.01
"""How long to wait between two tries to lock a queue. Each try lasts up to 0.05 seconds itself."""


class NoQueue:
    """Takes the place of a queue for a cluster's job: the cluster has its own queue."""

    def advance(self) -> None:
        """Do nothing: the cluster starts the next job."""

    def leave(self, name: str) -> None:
        """Do nothing: the cluster notices that the job has ended."""


class Queue(NoQueue):
    """The queue of one target on this machine."""

    def __init__(self, target: Target, jobs: Path | None = None) -> None:
        self._jobs = jobs or jobs_folder()
        self._folder = queue_folder(target, self._jobs)
        self._max_runs = target.max_runs

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the queue, so that no other process adds or starts a job.

        Raises UserErrorException if other users may write to its folder.
        """
        while (lock := self._take_lock()) is None:
            time.sleep(LOCK_WAIT_S)
        try:
            yield
        finally:
            file_lock.release(lock)

    def _take_lock(self) -> int | None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fault = fault_of(self._folder)
        if fault is not None:
            raise UserErrorException(
                f"The queue's folder {str(self._folder)!r} is not used: {fault}. Remove it, or set "
                "AMLFLOW_JOBS to another folder. Queues are beside it."
            )
        return file_lock.take(self._folder / "lock")

    def is_full(self) -> bool:
        """Whether a new job has to wait. Call it inside :meth:`lock`."""
        return bool(self._list("waiting")) or self._room() <= 0

    def add(self, name: str) -> None:
        """Add a job at the end of the queue. Call it inside :meth:`lock`."""
        (self._folder / f"waiting-{time.time_ns():020}-{name}").touch()

    def start(self) -> None:
        """Start the jobs that may start. Call it inside :meth:`lock`."""
        self._advance()

    def advance(self) -> None:
        """Start the jobs that may start."""
        if not self._folder.is_dir():
            return
        with self.lock():
            self._advance()

    def leave(self, name: str) -> None:
        """Remove a job that has ended or never starts, and start the next one."""
        with self.lock():
            (self._folder / f"running-{name}").unlink(missing_ok=True)
            for ticket in self._folder.glob(f"waiting-*-{name}"):
                ticket.unlink()
            self._advance()

    def _list(self, kind: str) -> list[Path]:
        names = sorted(name for name in os.listdir(self._folder) if name.startswith(f"{kind}-"))
        return [self._folder / name for name in names]

    def _room(self) -> float:
        running = 0
        for note in self._list("running"):
            folder = JobFolder(note.name.partition("-")[2], self._jobs)
            if not folder.has_agent():
                note.unlink()
            elif not folder.is_idle():
                running += 1
        return float("inf") if self._max_runs is None else self._max_runs - running

    def _advance(self) -> None:
        waiting = self._list("waiting")
        if not waiting:
            return
        room = self._room()
        for ticket in waiting:
            if room <= 0:
                return
            name = ticket.name.rpartition("-")[2]
            folder = JobFolder(name, self._jobs)
            is_job = NAME.fullmatch(name) and fault_of(folder.path) is None
            lock = folder.take() if is_job else None
            if lock is None:  # the job was removed, or was started by hand
                ticket.unlink()
                continue
            os.rename(ticket, self._folder / f"running-{name}")
            try:
                launch(folder, lock)
            except OSError as failure:
                # The submitter's next command ends this job's run. The next job can start.
                folder.agent_log.write_text(f"{failure}\n", encoding="utf-8")
                logger.warning("The agent of the job %s could not be started: %s", name, failure)
                continue
            finally:
                os.close(lock)
            room -= 1
