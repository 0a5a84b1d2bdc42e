"""What a script needs before it starts: the environment with its packages."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from amlflow.environments.building import BuiltEnvironment, ensure
from amlflow.environments.errors import EnvironmentBuildException
from amlflow.environments.room import ROOM
from amlflow.environments.specification import Specification
from amlflow.jobs.job import AGENT_PYTHON, BUILD_LOG, Job, JobFolder
from amlflow.jobs.launch import runs_here
from amlflow.jobs.run_notes import ENVIRONMENT
from amlflow.layers.stack import open_unjournaled
from amlflow.relay.client import VARIABLE
from amlflow.relay.server import RelayServer
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
    job: Job,
    folder: JobFolder,
    compute: Compute,
    cancelled: Callable[[], bool],
    stack: contextlib.ExitStack,
) -> Preparation:
    """The work of a job, whose environment is made if it runs with a Python of this machine.

    A script in such an environment has no client of the tracker: until ``stack`` is closed, its
    calls are made here.

    Raises:
        EnvironmentBuildException: it cannot be made.
        EnvironmentBuildCanceled: ``cancelled`` said so while it was made.
        OSError: the folders that the script needs cannot be written.
    """
    work = job.work(folder)
    if not runs_here(compute) or (job.specification is None and job.room is None):
        return Preparation(work, {}, [])
    if job.specification is None:
        return Preparation(_relayed(job, folder, work, {ROOM: job.room or ""}, stack), {}, [])
    specification = Specification.from_json(job.specification)
    try:
        environment = ensure(specification, folder.build_log, cancelled)
    except EnvironmentBuildException as failure:
        raise EnvironmentBuildException(
            f"{failure.message} The log of the build is {BUILD_LOG}."
        ) from failure
    if environment.key:
        work = dataclasses.replace(work, python=str(environment.python))
        work = _relayed(job, folder, work, environment.variables(), stack)
    return Preparation(work, _record(job, folder, environment), environment.warnings)


def _relayed(
    job: Job,
    folder: JobFolder,
    work: Work,
    variables: Mapping[str, str],
    stack: contextlib.ExitStack,
) -> Work:
    """The work with what a script needs to find amlflow, and to reach the tracker through here."""
    uri = job.tracking_uri
    relay = RelayServer(folder.relay, uri, lambda: open_unjournaled(uri))
    relay.start()
    stack.callback(relay.stop)
    own = {**variables, VARIABLE: str(relay.path), AGENT_PYTHON: sys.executable}
    return dataclasses.replace(work, environment={**own, **work.environment})


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
