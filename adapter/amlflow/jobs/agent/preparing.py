"""Prepares a script's work before the script starts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from amlflow.jobs.agent.prepared_work import PreparedWork
from amlflow.jobs.job import Job, JobFolder
from amlflow.jobs.launch import images_of, runs_here
from amlflow.spec import Compute


def needs_preparation(job: Job, compute: Compute) -> bool:
    """Whether an environment must be made or found before the script starts."""
    if job.specification is None and job.dockerfile is None:
        return False
    return runs_here(compute) or images_of(compute) is not None


def prepare_work(
    job: Job,
    folder: JobFolder,
    compute: Compute,
    cancelled: Callable[[], bool],
    stack: contextlib.ExitStack,
) -> PreparedWork:
    """Return the work of a job, and make its environment if it has one.

    What the script needs while it runs is added to ``stack``.

    Raises:
        EnvironmentBuildException: the environment cannot be made.
        EnvironmentBuildCanceled: ``cancelled`` returned True.
        OSError: the folders that the script needs cannot be written.
    """
    has_none = not runs_here(compute) or (job.specification is None and job.room is None)
    if has_none and images_of(compute) is None:
        return PreparedWork(job.work(folder), {}, [])
    # Most scripts need no environment, and start sooner if this is not imported for them.
    from amlflow.jobs.agent.script_environment import make_environment

    return make_environment(job, folder, compute, cancelled, stack)
