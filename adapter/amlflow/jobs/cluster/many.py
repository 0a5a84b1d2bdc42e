"""Submits several jobs to a cluster together."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence

from amlflow.exceptions import AzureMLException
from amlflow.jobs.cluster.names import make_cluster_name
from amlflow.jobs.cluster.payload import to_works
from amlflow.jobs.finding import proof_of
from amlflow.jobs.job import Job, JobFolder
from amlflow.jobs.removal import remove
from amlflow.spec import Cluster


def start_many(
    cluster: Cluster, jobs: Sequence[Job], folder: JobFolder, lock: contextlib.ExitStack
) -> None:
    """Submit jobs that share one folder, and remove the folder. ``lock`` is the folder's lock.

    Either all of them are in the cluster's queue afterwards, or none. If this process is killed,
    the folder names the runs whose jobs may be in the queue.
    """
    run_ids = [job.run_id for job in jobs]
    folder.write(dataclasses.replace(jobs[0], others=run_ids[1:]))
    proof = proof_of(folder)
    works = to_works(
        [dataclasses.replace(job, name=make_cluster_name(job.run_id, proof)) for job in jobs]
    )
    try:
        cluster.submit(works)
    except BaseException:
        with contextlib.suppress(AzureMLException):  # if it starts, its agent ends at once
            cluster.cancel([work.name for work in works])
        raise
    remove(folder)
    lock.close()
