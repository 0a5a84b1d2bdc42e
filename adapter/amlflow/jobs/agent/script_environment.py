"""Makes the environment of a script that needs one, before the script starts."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from amlflow.client_address import address_variables
from amlflow.environments import kept
from amlflow.environments.building import ensure, variables_of_prefix
from amlflow.environments.container_room import room_for_container
from amlflow.environments.dockerfile import Dockerfile, ensure_built
from amlflow.environments.errors import EnvironmentBuildException
from amlflow.environments.in_images import ImageEnvironment, ensure_in_image
from amlflow.environments.kept_rooms import keep_in_use
from amlflow.environments.specification import Specification
from amlflow.exceptions import AzureMLException
from amlflow.jobs.agent.prepared_work import PreparedWork
from amlflow.jobs.job import AGENT_PYTHON, Job, JobFolder
from amlflow.jobs.launch import images_of
from amlflow.jobs.run_notes import ENVIRONMENT
from amlflow.layers.stack import open_unjournaled
from amlflow.parts import ROOM
from amlflow.plugins import open_client_server
from amlflow.relay.client import VARIABLE
from amlflow.relay.server import RelayServer
from amlflow.spec import Compute, Images, Work


def make_environment(
    job: Job,
    folder: JobFolder,
    compute: Compute,
    cancelled: Callable[[], bool],
    stack: contextlib.ExitStack,
) -> PreparedWork:
    """Make the environment of a job, or find it, and return the work that runs in it.

    ``job`` has an environment, or ``compute`` runs containers. A script in such an environment does
    not have the tracker's client. This process makes its calls until ``stack`` is closed.

    Raises:
        EnvironmentBuildException: the environment cannot be made.
        EnvironmentBuildCanceled: ``cancelled`` returned True.
        OSError: the folders that the script needs cannot be written.
    """
    work = job.work(folder)
    images = images_of(compute)
    if images is not None:
        return _prepare_container(job, folder, work, images, cancelled, stack)
    if job.specification is None:
        room = job.room or ""
        variables = {ROOM: room, AGENT_PYTHON: sys.executable}
        if job.python is not None:  # that of the script which has submitted this one
            prefix = Path(job.python).parent.parent
            variables |= variables_of_prefix(prefix, os.environ)
        return PreparedWork(
            _relay(job, folder, work, variables, [Path(room)] if room else [], stack), {}, []
        )
    with _naming_log(folder):
        environment = ensure(
            Specification.from_json(job.specification), folder.build_log, cancelled
        )
    warnings = environment.warnings
    if environment.key:
        work = dataclasses.replace(work, python=str(environment.python))
        variables = {**environment.variables(), AGENT_PYTHON: sys.executable}
        work = _relay(job, folder, work, variables, [Path(variables[ROOM])], stack)
        work, unserved = _serve_client(job, work, environment.packages_folder, stack)
        warnings = [*warnings, *unserved]
    notes = _record(job, folder, environment.key, environment.packages)
    return PreparedWork(work, notes, warnings)


@contextlib.contextmanager
def _naming_log(folder: JobFolder) -> Iterator[None]:
    """Add the name of the build's log to the message of an EnvironmentBuildException."""
    try:
        yield
    except EnvironmentBuildException as failure:
        raise EnvironmentBuildException(
            f"{failure.message} The log of the build is {folder.build_log_name}."
        ) from failure


def _prepare_container(
    job: Job,
    folder: JobFolder,
    work: Work,
    images: Images,
    cancelled: Callable[[], bool],
    stack: contextlib.ExitStack,
) -> PreparedWork:
    """Prepare the work of a job in a container. Make its image if there is none."""
    environment = _make_image(job, folder, work, images, cancelled)
    if environment is None:
        return PreparedWork(work, {}, [])
    work = dataclasses.replace(
        work, image=environment.image, python=environment.python or work.python
    )
    if environment.takes_amlflow:
        room = room_for_container(kept.rooms_folder(), is_old=environment.is_old)
        variables = {ROOM: str(room.path)}
        if room.python is not None:
            variables[AGENT_PYTHON] = str(room.python)
        work = _relay(job, folder, work, variables, room.folders, stack)
        work = dataclasses.replace(
            work, needs=[*work.needs, *room.folders, folder.relay],
            read_only=[*work.read_only, *room.folders],
        )  # fmt: skip
    notes = _record(job, folder, environment.key, environment.packages)
    return PreparedWork(work, notes, environment.warnings)


def _make_image(
    job: Job, folder: JobFolder, work: Work, images: Images, cancelled: Callable[[], bool]
) -> ImageEnvironment | None:
    image = work.image or images.default_image
    program = work.python or images.program
    specification = Specification.from_json(job.specification or {})
    with _naming_log(folder), folder.build_log.open("a", encoding="utf-8") as log:
        if job.dockerfile is not None:
            dockerfile = Dockerfile.from_json(job.dockerfile)
            image = ensure_built(dockerfile, images, folder.path, log, cancelled)
        if image is None:  # starting the container will raise an error for the missing image
            return None
        return ensure_in_image(specification, images, image, program, log, cancelled)


def _relay(
    job: Job,
    folder: JobFolder,
    work: Work,
    variables: Mapping[str, str],
    rooms: Sequence[Path],
    stack: contextlib.ExitStack,
) -> Work:
    """Return the work with variables by which the script's calls come to this process.

    ``rooms`` are the folders from which the script imports amlflow.
    """
    uri = job.tracking_uri
    relay = RelayServer(folder.relay, uri, lambda: open_unjournaled(uri))
    relay.start()
    stack.callback(relay.stop)
    stack.enter_context(keep_in_use(rooms))
    own = {**variables, VARIABLE: str(relay.path)}
    return dataclasses.replace(work, environment={**own, **work.environment})


def _serve_client(
    job: Job, work: Work, packages: Path, stack: contextlib.ExitStack
) -> tuple[Work, list[str]]:
    """Serve the tracker to its own client in the script's packages, if the client needs it.

    Return the work with the variables for it, and the warning if it cannot be served.
    """
    uri = job.tracking_uri
    environ = {**os.environ, **work.environment}
    try:
        server = open_client_server(uri, packages, environ)
    except (AzureMLException, OSError) as failure:  # such as a busy tracker
        return work, [str(getattr(failure, "message", failure))]
    if server is None:
        return work, []
    stack.callback(server.stop)
    served = address_variables(server.address, uri, server.variables, environ)
    return dataclasses.replace(work, environment={**work.environment, **served}), []


def _record(job: Job, folder: JobFolder, key: str, packages: Sequence[str]) -> dict[str, str]:
    """Write the list of packages for the run, and return the run's note of its environment."""
    if not key:  # no environment had to be made
        return {}
    note = {**(job.environment_note or {}), "key": key}
    version = f", version {note['version']}" if note.get("version") else ""
    lines = [
        f"# The environment {note.get('name')}{version}, made as {key}.",
        *packages,
    ]
    folder.packages.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {ENVIRONMENT: json.dumps(note)}
