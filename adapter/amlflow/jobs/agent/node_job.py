"""A cluster's job on one of its nodes: what the node makes of the job that it was given."""

from __future__ import annotations

import dataclasses

from amlflow.jobs.agent.attempts import restore_outputs
from amlflow.jobs.agent.supervise import unpack_snapshot
from amlflow.jobs.job import Job, JobFolder
from amlflow.jobs.launch import script_variables
from amlflow.spec import Tracker


def adapt_to_node(job: Job, folder: JobFolder) -> Job:
    """The job with what its script needs on this node, where it has this folder."""
    variables = script_variables(job, folder, here=True)
    return dataclasses.replace(
        job,
        environment={**job.environment, **variables},
        needs=[*job.needs, str(folder.journal)],
    )


def make_working_folder(tracker: Tracker, job: Job, folder: JobFolder, attempt: int) -> None:
    """Make the script's working folder of the tracker's snapshot and what an attempt before left.

    Raises:
        SnapshotException: the snapshot cannot be unpacked.
        UserErrorException: the name of an output leads out of the folder.
    """
    if job.snapshot is not None:
        tracker.get_snapshot(job.snapshot, folder.snapshot)
    unpack_snapshot(folder)
    if attempt > 1:
        restore_outputs(tracker, job.run_id, job.environment, folder.work)
