"""How a job is started once its run has been made: by this machine's queue, or by a cluster."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Protocol

from amlflow.jobs.cluster.names import make_cluster_name
from amlflow.jobs.cluster.payload import to_work
from amlflow.jobs.finding import proof_of
from amlflow.jobs.job import DEFINITION_FILE, Job, JobFolder
from amlflow.jobs.queue import Queue
from amlflow.jobs.removal import remove
from amlflow.jobs.run_notes import CLUSTER
from amlflow.spec import Cluster, Status, Tracker


class Start(Protocol):
    """One way to start a job."""

    @property
    def notes(self) -> Mapping[str, str]:
        """What the run notes of it."""

    @contextlib.contextmanager
    def prepare(self) -> Iterator[str]:
        """Yields the status that the run is made with; :meth:`start` is called within."""

    def start(
        self, tracker: Tracker, job: Job, folder: JobFolder, lock: contextlib.ExitStack
    ) -> None:
        """Start the job, whose folder is written. ``lock`` is closed when others may see it."""


class StartHere:
    """By the target's queue on this machine."""

    notes: Mapping[str, str] = {}

    def __init__(self, job: Job) -> None:
        self._queue = Queue(job.target)

    @contextlib.contextmanager
    def prepare(self) -> Iterator[str]:
        """The queue is locked meanwhile."""
        with self._queue.lock():
            yield Status.QUEUED if self._queue.is_full() else Status.PREPARING

    def start(
        self, tracker: Tracker, job: Job, folder: JobFolder, lock: contextlib.ExitStack
    ) -> None:
        """Put the job at the queue's end, and start the jobs whose turn it is."""
        self._queue.add(job.name)  # other processes see the job as locked, and then as waiting
        lock.close()
        self._queue.start()


class StartOnCluster:
    """By a cluster. The job's folder on this machine is removed as soon as the cluster has it."""

    def __init__(self, cluster: Cluster, job: Job) -> None:
        self._cluster = cluster
        self.notes: Mapping[str, str] = {CLUSTER: job.target.kind}

    @contextlib.contextmanager
    def prepare(self) -> Iterator[str]:
        """A cluster's job waits at first."""
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
