"""Starts a job after its run was created: by a queue of this machine, or by a cluster."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Protocol

from amlflow.jobs.cluster.identity import cluster_notes
from amlflow.jobs.cluster.names import make_cluster_name
from amlflow.jobs.cluster.payload import to_work
from amlflow.jobs.finding import proof_of
from amlflow.jobs.job import DEFINITION_FILE, Job, JobFolder
from amlflow.jobs.queue import Queue
from amlflow.jobs.removal import remove
from amlflow.spec import Cluster, Status, Tracker


class Start(Protocol):
    """One way to start a job.

    ``asks`` says whether :meth:`check` asks another program, which takes time.
    """

    asks: bool

    @property
    def notes(self) -> Mapping[str, str]:
        """The notes that the run gets."""

    def check(self) -> None:
        """Raise ComputeTargetException if the target cannot take the job.

        It is called in another thread, while the source is packed.
        """

    @contextlib.contextmanager
    def prepare(self) -> Iterator[str]:
        """Yield the status with which the run is created. Call :meth:`start` inside of this."""

    def start(
        self, tracker: Tracker, job: Job, folder: JobFolder, lock: contextlib.ExitStack
    ) -> None:
        """Start the job. Its folder is written, and ``lock`` has the folder's lock."""


class StartHere:
    """Starts a job by the target's queue on this machine."""

    asks = False
    notes: Mapping[str, str] = {}

    def __init__(self, job: Job) -> None:
        self._queue = Queue(job.target)

    def check(self) -> None:
        """This machine has been asked already, since that takes no time."""

    @contextlib.contextmanager
    def prepare(self) -> Iterator[str]:
        """Lock the queue, and yield Queued or Starting."""
        with self._queue.lock():
            yield Status.QUEUED if self._queue.is_full() else Status.PREPARING

    def start(
        self, tracker: Tracker, job: Job, folder: JobFolder, lock: contextlib.ExitStack
    ) -> None:
        """Add the job to the queue, and start the jobs that may start."""
        self._queue.add(job.name)  # before the lock is released, so the job never looks dead
        lock.close()
        self._queue.start()


class StartOnCluster:
    """Submits a job to a cluster.

    When the cluster has it, the folder on this machine is removed.
    """

    asks = True

    def __init__(self, cluster: Cluster, job: Job) -> None:
        self._cluster, self._job = cluster, job

    @property
    def notes(self) -> Mapping[str, str]:
        """Which cluster has the job, and with which tracker it reports."""
        return cluster_notes(self._cluster, self._job.target.kind, self._job.tracking_uri)

    def check(self) -> None:
        """Ask the cluster."""
        self._cluster.check(to_work(self._job), self._job.tracking_uri)

    @contextlib.contextmanager
    def prepare(self) -> Iterator[str]:
        """Yield Queued: a cluster's job waits at first."""
        yield Status.QUEUED

    def start(
        self, tracker: Tracker, job: Job, folder: JobFolder, lock: contextlib.ExitStack
    ) -> None:
        """Submit the job."""
        if folder.definition.exists():
            tracker.put_files(job.run_id, {DEFINITION_FILE: folder.definition}, replace=True)
        name = make_cluster_name(job.run_id, proof_of(folder))
        self._cluster.submit([to_work(dataclasses.replace(job, name=name))])
        remove(folder)
        lock.close()
