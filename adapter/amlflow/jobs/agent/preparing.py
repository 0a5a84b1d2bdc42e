"""What a script needs before it starts: the environment with its packages."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from amlflow.environments.building import ensure
from amlflow.environments.specification import Specification
from amlflow.jobs.job import Job, JobFolder
from amlflow.spec import Compute, Work


def prepare_work(
    job: Job, folder: JobFolder, compute: Compute, cancelled: Callable[[], bool]
) -> Work:
    """The work of a job, whose environment is made if it runs with a Python of this machine.

    Raises:
        EnvironmentBuildException: it cannot be made.
        EnvironmentBuildCanceled: ``cancelled`` said so while it was made.
    """
    work = job.work(folder)
    if job.specification is None or not runs_here(compute):
        return work
    specification = Specification.from_json(job.specification)
    environment = ensure(specification, folder.build_log, cancelled)
    return dataclasses.replace(
        work,
        python=str(environment.python),
        environment={**environment.variables(), **work.environment},
    )


def runs_here(compute: Compute) -> bool:
    """Whether the scripts of a compute target run with this machine's Pythons."""
    return bool(getattr(compute, "runs_here", True))
