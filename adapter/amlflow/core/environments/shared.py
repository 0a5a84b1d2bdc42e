"""Makes environments safe to share. Everybody who may change a tracker's runs can write one.

A definition from a tracker may name packages, an image and variables. Settings of one machine are
left out, and the log names them. These are paths and arguments of Docker. Otherwise somebody else's
path would be read, or run as a program, on your machine, and somebody else's arguments of Docker
could give a container your files.
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
from amlflow.tracker_data import leave_out, log_once, show_value

logger = logging.getLogger("amlflow")


class HasSections(Protocol):
    """The sections of an :class:`amlflow.core.scripts.environment.Environment` that are used."""

    name: str
    python: PythonSection
    docker: DockerSection


def leave_out_paths(environment: HasSections, owner: str) -> bool:
    """Remove settings of one machine from an environment that comes from a tracker.

    ``owner`` is the run with the definition, which the log names. Returns whether there were any.
    """
    settings, lines = _settings(environment), _local_lines(environment)
    for setting, value in settings.items():
        leave_out(owner, setting, "without paths of a machine", show_value(value))
    for line in lines:
        log_once(
            owner,
            line,
            f"The environment {show_value(environment.name)} of {show_value(owner)} is not whole: "
            f"its line {show_value(redact(line))} for pip names a file of the machine that it was "
            "used on, so the line is left out. Environment.add_private_pip_wheel() adds a wheel in "
            "such a way that others get it.",
        )
    if settings or lines:
        _remove_paths(environment)
    return bool(settings or lines)


def to_shared(environment: HasSections, definition: dict[str, Any]) -> dict[str, Any]:
    """Return the definition of an environment for the workspace: without secrets and own settings.

    A warning names the settings that are left out.

    Raises:
        UserErrorException: a package is a file of this machine, so others cannot install it.
    """
    for line in _local_lines(environment):
        raise UserErrorException(
            f"The environment {environment.name!r} cannot be registered: its line "
            f"{redact(line)!r} for pip names a file of this machine, which others do not have. "
            "Name packages of an index instead, or use the environment without registering it."
        )
    if settings := _settings(environment):
        logger.warning(
            "The environment %r is registered without its %s, which belongs to this machine.",
            environment.name,
            " and ".join(settings),
        )
    shared_definition, has_secrets = without_credentials(definition)
    if has_secrets:
        logger.warning(
            "The environment %r is registered without the passwords in the addresses of its "
            "package indexes, since every user of the workspace could read them. Write the "
            "passwords to ~/.netrc on each machine that builds the environment.",
            environment.name,
        )
    return shared_definition


def _settings(environment: HasSections) -> dict[str, str]:
    """Return the settings that are a path or a command of one machine, by their names."""
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


def _local_lines(environment: HasSections) -> list[str]:
    """Return the lines for pip that name files of one machine."""
    packages = environment.python.conda_dependencies
    lines = (*packages.pip_options, *packages.pip_packages, *environment.python.constraints)
    return [line for line in lines if names_local_file(line)]


def _remove_paths(environment: HasSections) -> None:
    python, docker = environment.python, environment.docker
    python.interpreter_path, python.conda_dependencies_file = DEFAULT_PYTHON, None
    docker.arguments, docker.build_context = [], None
    if _path_of_dockerfile(docker) is not None:
        docker.base_dockerfile = None
    packages = python.conda_dependencies
    lines = (*packages.pip_options, *packages.pip_packages)
    packages.set_pip_requirements([line for line in lines if not names_local_file(line)])
    python.constraints = [line for line in python.constraints if not names_local_file(line)]
