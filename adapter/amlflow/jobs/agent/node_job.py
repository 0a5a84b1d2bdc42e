"""Adapts a cluster's job to the node on which it runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from amlflow.jobs.agent.attempts import restore_outputs
from amlflow.jobs.agent.supervise import unpack_snapshot
from amlflow.jobs.job import Job, JobFolder
from amlflow.jobs.launch import script_variables
from amlflow.layers.stack import open_direct


def adapt_to_node(job: Job, folder: JobFolder) -> Job:
    """Return the job with the variables and paths that its script needs on this node."""
    variables = script_variables(job, folder, here=True)
    return dataclasses.replace(
        job,
        environment={**job.environment, **variables},
        needs=[*job.needs, str(folder.journal)],
    )


Retry = Callable[[Callable[[], None]], None]
"""Repeats a call while the tracker is away."""


def make_working_folder(job: Job, folder: JobFolder, attempt: int, retry: Retry) -> None:
    """Make the script's working folder: the snapshot, and outputs of an earlier attempt.

    What an earlier attempt has logged and left on this node is sent.

    Raises:
        Unavailable: the tracker is away, and ``retry`` does not wait for it any longer.
        SnapshotException: the snapshot cannot be unpacked.
        UserErrorException: the name of an output would lead out of the folder.
    """
    uri, digest = job.tracking_uri, job.snapshot
    if digest is not None:
        retry(lambda: open_direct(uri).get_snapshot(digest, folder.snapshot))
    unpack_snapshot(folder)
    if attempt > 1:
        # Few jobs have a second attempt, and importing the journal's recovery takes long.
        from amlflow.jobs.agent.left_behind import send_left_behind

        send_left_behind(job, folder)
        retry(lambda: restore_outputs(open_direct(uri), job.run_id, job.environment, folder.work))
