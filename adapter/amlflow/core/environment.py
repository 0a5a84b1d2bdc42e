"""What a script needs around it: v1's ``azureml.core.environment``, as far as amlflow provides it.

An environment here names a Python interpreter or a container image that is there already. amlflow
installs no packages: what would need that is refused with the nearest way.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, NoReturn

from amlflow.exceptions import UserErrorException

DEFAULT_NAME = "default-environment"
DEFAULT_PYTHON = "python"
"""v1's default interpreter: the active one, which is the submitter's own or the image's."""


@dataclass
class PythonSection:
    """Which Python runs the script."""

    interpreter_path: str = DEFAULT_PYTHON
    user_managed_dependencies: bool = False
    conda_dependencies_file: str | None = None


@dataclass
class DockerSection:
    """Which container image the script runs in."""

    enabled: bool = False
    base_image: str | None = None
    arguments: list[str] = field(default_factory=list)
    shared_volumes: bool = True
    shm_size: str | None = None


class Environment:
    """A Python interpreter or container image, and environment variables.

    Source: ``azureml.core.Environment`` 1.61; names are v1's.
    """

    def __init__(self, name: str, **kwargs: Any) -> None:
        if kwargs:
            raise UserErrorException(
                f"Environment does not know {', '.join(map(repr, kwargs))}; set attributes of "
                ".python and .docker instead."
            )
        self.name = name
        self.version: str | None = None
        self.python = PythonSection()
        self.docker = DockerSection()
        self.environment_variables: dict[str, str] = {}

    @staticmethod
    def from_docker_image(
        name: str,
        image: str,
        container_registry: Any = None,
        conda_specification: str | None = None,
        pip_requirements: str | None = None,
    ) -> Environment:
        """The environment of a container image, whose own packages the script uses."""
        if conda_specification is not None or pip_requirements is not None:
            _refuse("from_docker_image(conda_specification=…, pip_requirements=…)")
        if container_registry is not None:
            raise UserErrorException(
                "container_registry is not used: `docker login` gives access to a registry, and "
                "the image's name says which one it is in."
            )
        environment = Environment(name)
        environment.docker.base_image = image
        environment.python.user_managed_dependencies = True
        return environment

    @staticmethod
    def from_pip_requirements(name: str, file_path: str, pip_version: str | None = None) -> Any:
        """Refused: amlflow installs no packages."""
        _refuse(f"from_pip_requirements({file_path!r})")

    @staticmethod
    def from_conda_specification(name: str, file_path: str) -> Any:
        """Refused: amlflow installs no packages."""
        _refuse(f"from_conda_specification({file_path!r})")

    @staticmethod
    def from_dockerfile(name: str, dockerfile: str, **kwargs: Any) -> Any:
        """Refused: amlflow builds no images for an environment."""
        raise UserErrorException(
            f"Environment {name!r}: amlflow builds no images; run `docker build -t {name} .` and "
            f"use Environment.from_docker_image({name!r}, image={name!r})."
        )

    def clone(self, new_name: str) -> Environment:
        """A copy under another name."""
        other = copy.deepcopy(self)
        other.name = new_name
        return other

    def __repr__(self) -> str:
        return f"Environment(Name: {self.name},\nVersion: {self.version})"


def _refuse(what: str) -> NoReturn:
    raise UserErrorException(
        f"Environment.{what}: amlflow installs no packages. Make a virtual environment with them "
        "and name its Python in environment.python.interpreter_path, or build an image and use "
        "Environment.from_docker_image()."
    )
