"""Adapts a cluster's job to the node on which it runs."""

from __future__ import annotations

import dataclasses

from amlflow.jobs.agent.attempts import restore_outputs
from amlflow.jobs.agent.supervise import unpack_snapshot
from amlflow.jobs.job import Job, JobFolder
from amlflow.jobs.launch import script_variables
from amlflow.spec import Tracker


def adapt_to_node(job: Job, folder: JobFolder) -> Job:
    """Return the job with the variables and paths that its script needs on this node."""
    variables = script_variables(job, folder, here=True)
    return dataclasses.replace(
        job,
        environment={**job.environment, **variables},
        needs=[*job.needs, str(folder.journal)],
    )


def make_working_folder(tracker: Tracker, job: Job, folder: JobFolder, attempt: int) -> None:
    """Make the script's working folder: the snapshot, and outputs of an earlier attempt.

    Raises:
        SnapshotException: the snapshot cannot be unpacked.
        UserErrorException: the name of an output would lead out of the folder.
    """
    if job.snapshot is not None:
        tracker.get_snapshot(job.snapshot, folder.snapshot)
    unpack_snapshot(folder)
    if attempt > 1:
        restore_outputs(tracker, job.run_id, job.environment, folder.work)
