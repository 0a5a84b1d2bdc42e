"""Environments that a tracker keeps: everybody who may change its runs can write a definition.

Such a definition names packages, an image and variables. What it says of one machine is left out,
and the log names it: paths, which would be read, or started as a program, where you only look, and
arguments of Docker, which could give a container the machine's files.
"""

from __future__ import annotations

import logging
from typing import Any, Protocol

from amlflow.core.scripts.dockerfiles import is_text
from amlflow.core.scripts.environment_sections import (
    DEFAULT_PYTHON,
    DockerSection,
    PythonSection,
)
from amlflow.environments.redaction import redact, without_credentials
from amlflow.environments.requirement_lines import names_local_file
from amlflow.exceptions import UserErrorException
from amlflow.tracker_data import leave_out, show_value

logger = logging.getLogger("amlflow")


class HasSections(Protocol):
    """What is used of an :class:`amlflow.core.scripts.environment.Environment`."""

    name: str
    python: PythonSection
    docker: DockerSection


def leave_out_paths(environment: HasSections, owner: str) -> bool:
    """Take what is of one machine out of a definition from a tracker; whether there was any.

    ``owner`` is the run that has the definition.
    """
    paths = {**_settings(environment), **_local_lines(environment)}
    for setting, value in paths.items():
        leave_out(owner, setting, "without paths of a machine", show_value(value))
    if paths:
        _remove_paths(environment)
    return bool(paths)


def to_shared(environment: HasSections, definition: dict[str, Any]) -> dict[str, Any]:
    """The definition of an environment as a workspace gets it: without secrets.

    A warning names settings that others do not get.

    Raises:
        UserErrorException: a package is a file of this machine, so others cannot install it.
    """
    for line in _local_lines(environment).values():
        raise UserErrorException(
            f"The environment {environment.name!r} cannot be registered: its line of pip "
            f"{redact(line)!r} names a file of this machine, which others do not have. Name "
            "packages of an index instead, or use the environment without registering it."
        )
    if settings := _settings(environment):
        logger.warning(
            "The environment %r is registered, but nobody gets its %s from the workspace: that is "
            "this machine's.",
            environment.name,
            " and ".join(settings),
        )
    shared_definition, has_secrets = without_credentials(definition)
    if has_secrets:
        logger.warning(
            "The environment %r is registered without the passwords in the addresses of its "
            "package indexes, which everybody of the workspace could read. Whoever builds it "
            "gives them in ~/.netrc.",
            environment.name,
        )
    return shared_definition


def _settings(environment: HasSections) -> dict[str, str]:
    """The settings that are a path, or a command of one machine, by their names."""
    python, docker = environment.python, environment.docker
    values = {
        "interpreter_path": python.interpreter_path,
        "conda_dependencies_file": python.conda_dependencies_file,
        "docker.arguments": " ".join(map(str, docker.arguments)),
        "docker.base_dockerfile": _path_of_dockerfile(docker),
        "docker.build_context": docker.build_context and str(docker.build_context.location),
    }
    empty = (None, "", DEFAULT_PYTHON)
    return {name: value for name, value in values.items() if value not in empty and value}


def _path_of_dockerfile(docker: DockerSection) -> str | None:
    dockerfile = docker.base_dockerfile
    return None if not dockerfile or is_text(dockerfile) else dockerfile


def _local_lines(environment: HasSections) -> dict[str, str]:
    """The lines of pip that name files of a machine, by their places."""
    packages = environment.python.conda_dependencies
    lines = (*packages.pip_options, *packages.pip_packages)
    return {
        f"line {number} of pip": line
        for number, line in enumerate(lines, 1)
        if names_local_file(line)
    }


def _remove_paths(environment: HasSections) -> None:
    python, docker = environment.python, environment.docker
    python.interpreter_path, python.conda_dependencies_file = DEFAULT_PYTHON, None
    docker.arguments, docker.build_context = [], None
    if _path_of_dockerfile(docker) is not None:
        docker.base_dockerfile = None
    packages = python.conda_dependencies
    lines = (*packages.pip_options, *packages.pip_packages)
    packages.set_pip_requirements([line for line in lines if not names_local_file(line)])
