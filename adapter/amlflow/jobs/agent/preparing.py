"""What a script needs before it starts: the environment with its packages."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass

from amlflow.environments.building import BuiltEnvironment, ensure
from amlflow.environments.errors import EnvironmentBuildException
from amlflow.environments.specification import Specification
from amlflow.jobs.job import BUILD_LOG, Job, JobFolder
from amlflow.jobs.run_notes import ENVIRONMENT
from amlflow.spec import Compute, Work


@dataclass(frozen=True, slots=True)
class Preparation:
    """The work that can start now, and what the run has to tell of its environment."""

    work: Work
    notes: dict[str, str]
    warnings: list[str]


def needs_preparation(job: Job, compute: Compute) -> bool:
    """Whether an environment is made, or looked for, before the script starts."""
    return job.specification is not None and runs_here(compute)


def prepare_work(
    job: Job, folder: JobFolder, compute: Compute, cancelled: Callable[[], bool]
) -> Preparation:
    """The work of a job, whose environment is made if it runs with a Python of this machine.

    Raises:
        EnvironmentBuildException: it cannot be made.
        EnvironmentBuildCanceled: ``cancelled`` said so while it was made.
    """
    work = job.work(folder)
    if job.specification is None or not runs_here(compute):
        return Preparation(work, {}, [])
    specification = Specification.from_json(job.specification)
    try:
        environment = ensure(specification, folder.build_log, cancelled)
    except EnvironmentBuildException as failure:
        raise EnvironmentBuildException(
            f"{failure.message} The log of the build is {BUILD_LOG}."
        ) from failure
    work = dataclasses.replace(
        work,
        python=str(environment.python),
        environment={**environment.variables(), **work.environment},
    )
    return Preparation(work, _record(job, folder, environment), environment.warnings)


def _record(job: Job, folder: JobFolder, environment: BuiltEnvironment) -> dict[str, str]:
    """Write the list of packages for the run; the run's note of its environment is returned."""
    if not environment.key:  # nothing had to be made
        return {}
    note = {**(job.environment_note or {}), "key": environment.key}
    version = f", version {note['version']}" if note.get("version") else ""
    lines = [
        f"# The environment {note.get('name')}{version}, made as {environment.key}.",
        *environment.packages,
    ]
    folder.packages.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {ENVIRONMENT: json.dumps(note)}


def runs_here(compute: Compute) -> bool:
    """Whether the scripts of a compute target run with this machine's Pythons."""
    return bool(getattr(compute, "runs_here", True))
