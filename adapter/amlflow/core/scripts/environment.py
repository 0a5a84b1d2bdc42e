"""v1's ``azureml.core.environment``: the Python, packages and variables of a script."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from amlflow.core.arguments import check_class, check_list, check_text
from amlflow.core.scripts.conda_dependencies import CondaDependencies, requirements_in
from amlflow.core.scripts.dockerfiles import DockerBuildContext
from amlflow.core.scripts.environment_sections import (
    DEFAULT_NAME,
    FIELDS,
    DockerSection,
    PythonSection,
)
from amlflow.core.scripts.sections import ContainerRegistry, SparkSection
from amlflow.core.scripts.settings_file import Section, read_fields, write_fields
from amlflow.core.scripts.unknown_settings import Settings
from amlflow.core.store import WorkspaceBase, tracker_of
from amlflow.environments.redaction import without_credentials
from amlflow.exceptions import UserErrorException

if TYPE_CHECKING:
    from amlflow.core.environments.image_build import DockerImageDetails, ImageBuildDetails
    from amlflow.core.environments.making import Making
    from amlflow.core.environments.registry import RegisteredVersion, Registry

logger = logging.getLogger("amlflow")

CURATED_VERSION = "1"


class Environment(Settings):
    """A Python interpreter or container image, and environment variables.

    Source: ``azureml.core.Environment`` 1.61; names are v1's.
    """

    name: str
    version: str | None
    python: PythonSection
    docker: DockerSection
    spark: SparkSection
    environment_variables: dict[str, str]

    def __init__(self, name: str, **kwargs: Any) -> None:
        """A new environment. Other keywords, such as ``workspace``, are ignored, as in v1."""
        ignored = sorted(set(kwargs) - {"workspace"})
        if ignored:
            logger.warning(
                "Environment(%r) ignores %s: set attributes of .python and .docker instead.",
                name,
                ", ".join(ignored),
            )
        check_text(name, "An environment's name", "Environment(name)")
        self.name = name
        self.version = None
        self.python = PythonSection()
        self.docker = DockerSection()
        self.spark = SparkSection()
        self.environment_variables = {}
        self._registered_digest: str | None = None

    @staticmethod
    def from_docker_image(
        name: str,
        image: str,
        container_registry: Any = None,
        conda_specification: str | None = None,
        pip_requirements: str | None = None,
    ) -> Environment:
        """The environment of a container image. The script uses the packages in the image.

        The packages of ``conda_specification`` or ``pip_requirements``, which are files, are added.
        """
        if container_registry is not None:
            check_class(
                container_registry,
                ContainerRegistry,
                "container_registry is a ContainerRegistry",
                "Environment.from_docker_image(name, image, container_registry=registry)",
            )
        environment = _with_packages(
            "from_docker_image", name, conda_specification, pip_requirements
        )
        environment.docker.base_image = image
        if container_registry is not None:
            environment.docker.base_image_registry = container_registry
        return environment

    @staticmethod
    def from_pip_requirements(
        name: str, file_path: str, pip_version: str | None = None
    ) -> Environment:
        """An environment with the packages of a requirements file.

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
        """An environment with the packages of a conda file.

        Raises FileNotFoundError, as v1 does.
        """
        environment = Environment(name)
        environment.python.conda_dependencies = CondaDependencies(file_path)
        return environment

    @staticmethod
    def from_dockerfile(
        name: str,
        dockerfile: str,
        conda_specification: str | None = None,
        pip_requirements: str | None = None,
    ) -> Environment:
        """The environment of an image that is built from a Dockerfile, for container targets.

        ``dockerfile`` is its text, or the path of a file. The packages of ``conda_specification``
        or ``pip_requirements``, which are files, are added to the image.
        """
        environment = _with_packages("from_dockerfile", name, conda_specification, pip_requirements)
        environment.docker.base_dockerfile = dockerfile
        return environment

    @staticmethod
    def from_docker_build_context(
        name: str,
        docker_build_context: DockerBuildContext,
        conda_specification: str | None = None,
        pip_requirements: str | None = None,
    ) -> Environment:
        """The environment of an image that is built from a folder, for container targets.

        See :meth:`from_dockerfile`.
        """
        right = "DockerBuildContext.from_local_directory(workspace, 'folder')"
        what = "docker_build_context is a DockerBuildContext"
        check_class(docker_build_context, DockerBuildContext, what, right)
        environment = _with_packages(
            "from_docker_build_context", name, conda_specification, pip_requirements
        )
        environment.docker.build_context = docker_build_context
        return environment

    @staticmethod
    def from_existing_conda_environment(
        name: str, conda_environment_name: str
    ) -> Environment | None:
        """An environment with the packages of a conda environment on this machine.

        None if conda cannot export it, as in v1. The log says why.

        Raises:
            UserErrorException: conda is not on this machine, or has no such environment.
        """
        from amlflow.core.environments.conda_export import export_packages  # few scripts need it

        packages = export_packages(conda_environment_name)
        if packages is None:
            return None
        environment = Environment(name)
        environment.python.conda_dependencies = CondaDependencies(_underlying_structure=packages)
        return environment

    # the registry

    def register(self, workspace: WorkspaceBase) -> Environment:
        """Keep this environment in the workspace; the registered one is returned.

        A new content is a new version, numbered from 1. A content that is registered already keeps
        its version, as in v1. To name the version yourself, set ``version`` before. Passwords in
        the addresses of package indexes are not kept, and a warning says so.

        Raises:
            UserErrorException: the name is one of v1's curated environments, the version that you
                have named has another content, or a package is a file of this machine.
        """
        from amlflow.core.environments.shared import to_shared  # most scripts register nothing

        definition = to_shared(self, definition_of(self))
        registered = _registry(workspace, "environment.register(workspace)").register(
            self.name, definition, self.version
        )
        return _mark_registered(environment_from(definition, self.name, registered.version))

    @staticmethod
    def get(
        workspace: WorkspaceBase, name: str, version: str | None = None, label: str | None = None
    ) -> Environment:
        """A registered environment: the latest, or the one with this version or label.

        The name of one of v1's curated environments gives a definition that is near to it.

        Raises:
            ServiceException: it is not registered; the message lists those that are.
            UserErrorException: both a version and a label are given.
        """
        from amlflow.core.environments.curated import find_curated, is_curated  # reads a file

        right = "Environment.get(workspace, name, version)"
        registry = _registry(workspace, right)
        check_text(name, "An environment's name", right)
        if version is not None and label is not None:
            raise UserErrorException(
                f"Environment.get takes a version or a label, and got version={version!r} and "
                f"label={label!r}."
            )
        if is_curated(name):
            return environment_from(find_curated(name), name, str(version or CURATED_VERSION))
        registered = registry.get(name, None if version is None else str(version), label)
        definition = registry.definition(registered)
        return open_shared(definition, registered.run_id, name, registered.version)

    @staticmethod
    def list(workspace: WorkspaceBase) -> dict[str, Environment]:
        """The latest version of each registered environment, and the curated ones, by name."""
        from amlflow.core.environments.curated import curated_definitions  # reads a file

        registry = _registry(workspace, "Environment.list(workspace)")
        environments = {
            registered.name: environment for registered, environment in open_latest(registry)
        }
        for name, definition in curated_definitions().items():
            environments[name] = environment_from(definition, name, CURATED_VERSION)
        return environments

    @staticmethod
    def label(workspace: WorkspaceBase, name: str, version: str, labels: Sequence[str]) -> None:
        """Give a version these labels, and no others. Another version with one of them loses it.

        Raises:
            ServiceException: the version is not registered.
        """
        right = "Environment.label(workspace, name, version, ['production'])"
        check_list(labels, "Labels are a list of texts", right)
        for text in labels:
            check_text(text, "A label", right)
        _registry(workspace, right).label(name, str(version), labels)

    @staticmethod
    def add_private_pip_wheel(
        workspace: WorkspaceBase, file_path: str | os.PathLike[str], exist_ok: bool = False
    ) -> str:
        """Keep a wheel in the workspace; the address that is returned is a package of pip.

        ``conda_dependencies.add_pip_package(address)`` names it in an environment. An address means
        this content: a wheel that is added later under the same name has another one.

        Raises:
            FileNotFoundError: the file does not exist.
            UserErrorException: it is not a wheel; or the workspace has one of this name, and
                ``exist_ok`` is False, as in v1.
        """
        from amlflow.core.environments.private_wheels import add_wheel  # few scripts add one

        right = "Environment.add_private_pip_wheel(workspace, 'package-1.0-py3-none-any.whl')"
        check_class(workspace, WorkspaceBase, "Wheels are kept in a Workspace", right)
        return add_wheel(tracker_of(workspace), file_path, exist_ok=exist_ok)

    # making

    def build(self, workspace: WorkspaceBase, image_build_compute: Any = None) -> ImageBuildDetails:
        """Register the environment, and make it on this machine in the background.

        One with an image or a Dockerfile becomes an image, and any other a virtual environment.
        Returns an object with v1's ``wait_for_completion``, ``get_log`` and ``status``.
        ``image_build_compute`` changes nothing: this machine builds.

        Raises:
            UserErrorException: as :meth:`register`.
        """
        from amlflow.core.environments.image_build import ImageBuildDetails  # few scripts build

        self.register(workspace)
        return ImageBuildDetails(self._making(workspace))

    def build_local(
        self, workspace: WorkspaceBase, platform: str | None = None, **kwargs: Any
    ) -> None:
        """Make the environment on this machine now, and print the log.

        ``platform`` and v1's further arguments change nothing.

        Raises:
            UserErrorException: it cannot be made; the message is one sentence.
        """
        from amlflow.core.environments.image_build import build_here  # few scripts build

        build_here(self._making(workspace))

    def get_image_details(self, workspace: WorkspaceBase) -> DockerImageDetails:
        """Whether it is made here, and where. Raises ComputeTargetException: no engine answers."""
        from amlflow.core.environments.image_build import image_details  # few scripts ask for it

        return image_details(self._making(workspace), self.docker.image())

    def _making(self, workspace: WorkspaceBase) -> Making:
        from amlflow.core.environments.making import making_of  # most scripts make nothing here

        return making_of(self.name, self.python, self.docker, lambda: tracker_of(workspace))

    # files

    def save_to_directory(self, path: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Write the environment into a folder: its settings, and a conda environment file.

        Raises:
            FileExistsError: the folder exists, and ``overwrite`` is False, as in v1.
        """
        from amlflow.core.environments.definition_files import write_folder  # few scripts need it

        write_folder(path, definition_of(self), overwrite)

    @staticmethod
    def load_from_directory(path: str | os.PathLike[str]) -> Environment:
        """The environment in a folder that :meth:`save_to_directory`, also v1's, has written.

        Raises:
            FileNotFoundError: there is none, as in v1.
            UserErrorException: a file of the folder cannot be read as one of an environment's.
        """
        from amlflow.core.environments.definition_files import read_folder  # few scripts need it

        return environment_from(read_folder(path))

    def clone(self, new_name: str) -> Environment:
        """A copy under another name, without a version."""
        clone = copy.deepcopy(self)
        clone.name = new_name
        clone.version = None
        return clone

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Environment):
            return NotImplemented
        return definition_of(self) == definition_of(other)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"Environment(Name: {self.name},\nVersion: {self.version})"


def _with_packages(
    method: str, name: str, conda_specification: str | None, pip_requirements: str | None
) -> Environment:
    """An environment of an image: with the packages of a file, or with only those of the image."""
    if conda_specification is not None and pip_requirements is not None:
        raise UserErrorException(
            f"{method} takes conda_specification or pip_requirements, and got both."
        )
    if conda_specification is not None:
        return Environment.from_conda_specification(name, conda_specification)
    if pip_requirements is not None:
        return Environment.from_pip_requirements(name, pip_requirements)
    environment = Environment(name)
    environment.python.user_managed_dependencies = True
    return environment


def definition_of(environment: Environment) -> dict[str, Any]:
    """An environment as v1's JSON, with the secrets that it holds."""
    definition = write_fields(environment, FIELDS)
    packages = environment.python.conda_dependencies
    definition["python"]["condaDependencies"] = packages.as_dict()
    return {"name": environment.name, "version": environment.version, **definition}


def environment_from(
    definition: Mapping[str, Any], name: str | None = None, version: str | None = None
) -> Environment:
    """The inverse of :func:`definition_of`; a name and version take the place of its own.

    Raises:
        UserErrorException: it is not the definition of an environment.
    """
    where = f"The definition of the environment {name or definition.get('name')!r}"
    section = Section(dict(definition), where)
    environment = Environment(name or section.text("name") or DEFAULT_NAME)
    read_fields(environment, section, [row for row in FIELDS if row[0] != "name"])
    environment.version = version or section.text("version")
    return environment


def open_shared(
    definition: Mapping[str, Any], owner: str, name: str | None = None, version: str | None = None
) -> Environment:
    """As :func:`environment_from`, of a definition that the run ``owner`` has in a tracker."""
    from amlflow.core.environments.shared import leave_out_paths  # most scripts register nothing

    environment = environment_from(definition, name, version)
    is_whole = not leave_out_paths(environment, owner)
    return _mark_registered(environment) if is_whole and version is not None else environment


def open_latest(registry: Registry) -> Iterator[tuple[RegisteredVersion, Environment]]:
    """The latest version of each registered environment; the log names one that is left out."""
    for version, definition in registry.definitions():
        try:
            yield version, open_shared(definition, version.run_id, version.name, version.version)
        except UserErrorException as error:
            logger.warning("The environment %r is left out: %s", version.name, error.message)


def _mark_registered(environment: Environment) -> Environment:
    """Note that an environment is as it was registered."""
    environment._registered_digest = _digest_of(environment)
    return environment


def registered_version(environment: Environment) -> str | None:
    """The version that an environment is registered as; None if it has been changed since."""
    if environment.version is None or environment._registered_digest is None:
        return None
    is_same = environment._registered_digest == _digest_of(environment)
    return environment.version if is_same else None


def _digest_of(environment: Environment) -> str:
    from amlflow.core.environments.registry import digest_of  # most scripts register nothing

    return digest_of(definition_of(environment))


def definition_to_keep(environment: Environment) -> dict[str, Any]:
    """What a run keeps of its environment: no values of variables, which may be secrets."""
    definition, _ = without_credentials(definition_of(environment))
    version = registered_version(environment)
    return {**definition, "version": version, "environmentVariables": {}}


def _registry(workspace: Any, right: str) -> Registry:
    from amlflow.core.environments.registry import Registry  # most scripts register nothing

    check_class(workspace, WorkspaceBase, "Environments are in a Workspace", right)
    return Registry(tracker_of(workspace))
