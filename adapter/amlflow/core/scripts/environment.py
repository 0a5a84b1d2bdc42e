"""What a script needs around it: v1's ``azureml.core.environment``, as far as amlflow provides it.

An environment here names a Python interpreter or a container image that is there already. amlflow
installs no packages: what would need that is refused with the nearest way.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn

from amlflow.core.arguments import check_text
from amlflow.core.scripts.conda_dependencies import CondaDependencies, requirements_in
from amlflow.core.scripts.settings_file import FLAG, LIST, PACKAGES, TEXT, TEXTS
from amlflow.core.scripts.unknown_settings import Settings
from amlflow.exceptions import UserErrorException

DEFAULT_NAME = "default-environment"
DEFAULT_PYTHON = "python"
"""v1's default interpreter: the active one, which is the submitter's own or the image's."""

_BUILD = (
    "amlflow builds no images; `docker build` does, and Environment.from_docker_image() uses it"
)

FIELDS = (
    ("name", "name", TEXT),
    ("environment_variables", "environmentVariables", TEXTS),
    ("python.user_managed_dependencies", "python.userManagedDependencies", FLAG),
    ("python.interpreter_path", "python.interpreterPath", TEXT),
    ("python.conda_dependencies_file", "python.condaDependenciesFile", TEXT),
    ("python.conda_dependencies", "python.condaDependencies", PACKAGES),
    ("docker.enabled", "docker.enabled", FLAG),
    ("docker.base_image", "docker.baseImage", TEXT),
    ("docker.arguments", "docker.arguments", LIST),
    ("docker.shm_size", "docker.shmSize", TEXT),
)
"""Each setting of an environment by its attribute, its key in files and its type."""


@dataclass
class PythonSection(Settings):
    """Which Python runs the script."""

    interpreter_path: str = DEFAULT_PYTHON
    user_managed_dependencies: bool = False
    conda_dependencies_file: str | None = None
    conda_dependencies: CondaDependencies = field(default_factory=CondaDependencies)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "conda_dependencies" and not isinstance(value, CondaDependencies):
            raise UserErrorException(
                f"conda_dependencies={value!r} is not a CondaDependencies; "
                "CondaDependencies.create(pip_packages=[…]) makes one."
            )
        super().__setattr__(name, value)


@dataclass
class DockerSection(Settings):
    """Which container image the script runs in."""

    _REFUSED: ClassVar[dict[str, str]] = {"base_dockerfile": _BUILD, "build_context": _BUILD}

    enabled: bool = False
    base_image: str | None = None
    arguments: list[str] = field(default_factory=list)
    shared_volumes: bool = True
    shm_size: str | None = None


def _refuse(name: str, instead: str) -> Any:
    """A static method of v1's Environment that is refused."""

    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise UserErrorException(f"Environment.{name}: {instead}")

    return staticmethod(refuse)


_KEPT_NOWHERE = (
    "amlflow keeps no environments, and has no curated ones. Make it where it is used: "
    "Environment(name) with the Python in environment.python.interpreter_path, or "
    "Environment.from_docker_image(name, image)."
)


class Environment(Settings):
    """A Python interpreter or container image, and environment variables.

    Source: ``azureml.core.Environment`` 1.61; names are v1's.
    """

    name: str
    version: str | None
    python: PythonSection
    docker: DockerSection
    environment_variables: dict[str, str]

    get = _refuse("get", _KEPT_NOWHERE)
    list = _refuse("list", _KEPT_NOWHERE)
    label = _refuse("label", _KEPT_NOWHERE)
    register = _refuse("register", _KEPT_NOWHERE)
    load_from_directory = _refuse("load_from_directory", _KEPT_NOWHERE)
    save_to_directory = _refuse("save_to_directory", _KEPT_NOWHERE)
    build = _refuse("build", f"{_BUILD}.")
    build_local = _refuse("build_local", f"{_BUILD}.")
    get_image_details = _refuse("get_image_details", f"{_BUILD}.")
    from_docker_build_context = _refuse("from_docker_build_context", f"{_BUILD}.")
    from_existing_conda_environment = _refuse(
        "from_existing_conda_environment",
        "name its Python in environment.python.interpreter_path; `conda info --envs` lists them.",
    )
    add_private_pip_wheel = _refuse(
        "add_private_pip_wheel", "amlflow installs no packages; `pip install` it yourself."
    )

    def __init__(self, name: str, **kwargs: Any) -> None:
        if kwargs:
            raise UserErrorException(
                f"Environment does not know {', '.join(map(repr, kwargs))}; set attributes of "
                ".python and .docker instead."
            )
        check_text(name, "An environment's name", "Environment(name)")
        self.name = name
        self.version = None
        self.python = PythonSection()
        self.docker = DockerSection()
        self.environment_variables = {}

    @staticmethod
    def from_docker_image(
        name: str,
        image: str,
        container_registry: Any = None,
        conda_specification: str | None = None,
        pip_requirements: str | None = None,
    ) -> Environment:
        """The environment of a container image, whose own packages the script uses.

        Those of ``conda_specification`` or ``pip_requirements``, which are files, are not added to
        it; submitting warns of that.
        """
        if conda_specification is not None and pip_requirements is not None:
            raise UserErrorException(
                "from_docker_image takes conda_specification or pip_requirements, and got both."
            )
        if container_registry is not None:
            raise UserErrorException(
                "container_registry is not used: `docker login` gives access to a registry, and "
                "the image's name says which one it is in."
            )
        if conda_specification is not None:
            environment = Environment.from_conda_specification(name, conda_specification)
        elif pip_requirements is not None:
            environment = Environment.from_pip_requirements(name, pip_requirements)
        else:
            environment = Environment(name)
            environment.python.user_managed_dependencies = True
        environment.docker.base_image = image
        return environment

    @staticmethod
    def from_pip_requirements(
        name: str, file_path: str, pip_version: str | None = None
    ) -> Environment:
        """An environment that names the packages of a requirements file. They are not installed.

        Raises FileNotFoundError, as v1 does.
        """
        packages = CondaDependencies()
        if pip_version is not None:
            packages.add_conda_package(f"pip={pip_version}")
        packages.set_pip_requirements(requirements_in(file_path))
        environment = Environment(name)
        environment.python.conda_dependencies = packages
        return environment

    @staticmethod
    def from_conda_specification(name: str, file_path: str) -> Environment:
        """An environment that names the packages of a conda file. They are not installed.

        Raises FileNotFoundError, as v1 does.
        """
        environment = Environment(name)
        environment.python.conda_dependencies = CondaDependencies(file_path)
        return environment

    @staticmethod
    def from_dockerfile(name: str, dockerfile: str, **kwargs: Any) -> Any:
        """Refused: amlflow builds no images for an environment."""
        raise UserErrorException(
            f"Environment {name!r}: amlflow builds no images; run `docker build -t {name} .` and "
            f"use Environment.from_docker_image({name!r}, image={name!r})."
        )

    def clone(self, new_name: str) -> Environment:
        """A copy under another name."""
        clone = copy.deepcopy(self)
        clone.name = new_name
        return clone

    def __repr__(self) -> str:
        return f"Environment(Name: {self.name},\nVersion: {self.version})"
