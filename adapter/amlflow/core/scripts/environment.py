"""v1's ``azureml.core.environment``: the Python, packages and variables of a script."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from amlflow.core.arguments import check_class, check_list, check_text
from amlflow.core.scripts.conda_dependencies import CondaDependencies, packages_in
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
from amlflow.exceptions import UserErrorException

if TYPE_CHECKING:
    from amlflow.core.environments.build_request import BuildRequest
    from amlflow.core.environments.image_build import DockerImageDetails, ImageBuildDetails
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
        """Create an environment. As in v1, other keywords, such as ``workspace``, are ignored."""
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
        """Return the environment of a container image. The script uses the packages in the image.

        ``conda_specification`` or ``pip_requirements`` is a file. Its packages are added.
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
        """Return an environment with the packages of a requirements file.

        Raises FileNotFoundError, as v1 does.
        """
        packages = packages_in(file_path)
        if pip_version is not None:
            packages.add_conda_package(f"pip={pip_version}")
        environment = Environment(name)
        environment.python.conda_dependencies = packages
        return environment

    @staticmethod
    def from_conda_specification(name: str, file_path: str) -> Environment:
        """Return an environment with the packages of a conda file.

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
        """Return an environment for container targets, whose image is built from a Dockerfile.

        ``dockerfile`` is the text of a Dockerfile, or its path. ``conda_specification`` or
        ``pip_requirements`` is a file. Its packages are added to the image.
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
        """Return an environment for container targets, whose image is built from a folder.

        The other arguments are those of :meth:`from_dockerfile`.
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
        """Return an environment with the packages of a conda environment on this machine.

        Returns None if conda cannot export it, as in v1. The log says why.

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
        """Store this environment in the workspace, and return the registered one.

        New content gets a new version, numbered from 1. Content that is registered already keeps
        its version, as in v1. To name the version yourself, set ``version`` before the call.
        Passwords in the addresses of package indexes are not stored, and a warning says so.
        Lines that name requirements files (``-r``, ``-c``) are replaced by the files' lines.

        Raises:
            UserErrorException: the name is that of one of v1's curated environments; the version
                that you have named has other content; a package is a file of this machine; or a
                requirements file cannot be read.
        """
        # Most scripts register nothing.
        from amlflow.core.environments.inlined import inline_requirements
        from amlflow.core.environments.shared import to_shared

        whole = inline_requirements(self)
        definition = to_shared(whole, definition_of(whole))
        registered = _registry(workspace, "environment.register(workspace)").register(
            self.name, definition, self.version
        )
        return _mark_registered(environment_from(definition, self.name, registered.version))

    @staticmethod
    def get(
        workspace: WorkspaceBase, name: str, version: str | None = None, label: str | None = None
    ) -> Environment:
        """Return a registered environment: the latest version, or that with this version or label.

        For the name of one of v1's curated environments, you get a similar definition.

        Raises:
            ServiceException: it is not registered. The message lists the registered ones.
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
        """Return by name the registered environments in their latest version, and curated ones."""
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
        """Replace the labels of a version. If another version has one of them, it loses this label.

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
        """Store a wheel in the workspace, and return its address.

        Pass the address to ``conda_dependencies.add_pip_package(address)``. An address belongs to
        this content: if you add another wheel under the same name later, it gets another address.

        Raises:
            FileNotFoundError: the file does not exist.
            UserErrorException: it is not a wheel; or the workspace has a wheel of this name, and
                ``exist_ok`` is False, as in v1.
        """
        from amlflow.core.environments.private_wheels import add_wheel  # few scripts add one

        right = "Environment.add_private_pip_wheel(workspace, 'package-1.0-py3-none-any.whl')"
        check_class(workspace, WorkspaceBase, "Wheels are kept in a Workspace", right)
        return add_wheel(tracker_of(workspace), file_path, exist_ok=exist_ok)

    # making

    def build(self, workspace: WorkspaceBase, image_build_compute: Any = None) -> ImageBuildDetails:
        """Register the environment, and make it on this machine in the background.

        An environment with an image or a Dockerfile becomes an image. Any other becomes a virtual
        environment. Returns an object with v1's ``wait_for_completion``, ``get_log`` and
        ``status``. ``image_build_compute`` is not used: this machine builds.

        Raises:
            UserErrorException: it cannot be registered, as in :meth:`register`.
        """
        from amlflow.core.environments.image_build import ImageBuildDetails  # few scripts build

        self.register(workspace)
        return ImageBuildDetails(self._build_request(workspace))

    def build_local(
        self, workspace: WorkspaceBase, platform: str | None = None, **kwargs: Any
    ) -> None:
        """Make the environment on this machine now, and print the log.

        ``platform`` and v1's further arguments are not used.

        Raises:
            UserErrorException: it cannot be made. The message is one sentence.
        """
        from amlflow.core.environments.image_build import build_here  # few scripts build

        build_here(self._build_request(workspace))

    def get_image_details(self, workspace: WorkspaceBase) -> DockerImageDetails:
        """Return whether and where it is made. Raises ComputeTargetException: no engine answers."""
        from amlflow.core.environments.image_build import image_details  # few scripts ask for it

        return image_details(self._build_request(workspace), self.docker.image())

    def _build_request(self, workspace: WorkspaceBase) -> BuildRequest:
        from amlflow.core.environments.build_request import build_request_of  # few need it

        return build_request_of(self.name, self.python, self.docker, lambda: tracker_of(workspace))

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
        """Read an environment from a folder that amlflow or v1 has saved it to.

        Raises:
            FileNotFoundError: the folder has no environment, as in v1.
            UserErrorException: a file of the folder is not a valid file of an environment.
        """
        from amlflow.core.environments.definition_files import read_folder  # few scripts need it

        return environment_from(read_folder(path))

    def clone(self, new_name: str) -> Environment:
        """Return a copy under another name, without a version."""
        check_text(new_name, "An environment's name", "environment.clone(new_name)")
        clone = copy.deepcopy(self)
        clone.name = new_name
        clone.version = None
        return clone

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Environment):
            return NotImplemented
        return definition_of(self) == definition_of(other)

    __hash__ = None  # type: ignore[assignment]  # its content can change

    def __repr__(self) -> str:
        return f"Environment(Name: {self.name},\nVersion: {self.version})"


def _with_packages(
    method: str, name: str, conda_specification: str | None, pip_requirements: str | None
) -> Environment:
    """Return an environment for an image, with the packages of a file or only with its own."""
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
    """Return an environment as v1's JSON, with its secrets."""
    definition = write_fields(environment, FIELDS)
    packages = environment.python.conda_dependencies
    definition["python"]["condaDependencies"] = packages.as_dict()
    return {"name": environment.name, "version": environment.version, **definition}


def environment_from(
    definition: Mapping[str, Any], name: str | None = None, version: str | None = None
) -> Environment:
    """Return the environment of a definition. ``name`` and ``version`` replace those in it.

    Raises:
        UserErrorException: this is not the definition of an environment.
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
    """Return the environment of a definition from a tracker. ``owner`` is the run that has it."""
    from amlflow.core.environments.shared import leave_out_paths  # most scripts register nothing

    environment = environment_from(definition, name, version)
    is_whole = not leave_out_paths(environment, owner)
    return _mark_registered(environment) if is_whole and version is not None else environment


def open_latest(registry: Registry) -> Iterator[tuple[RegisteredVersion, Environment]]:
    """Yield the latest version of each registered environment. A warning names unreadable ones."""
    for version, definition in registry.definitions():
        try:
            yield version, open_shared(definition, version.run_id, version.name, version.version)
        except UserErrorException as error:
            logger.warning("The environment %r is left out: %s", version.name, error.message)


def _mark_registered(environment: Environment) -> Environment:
    """Remember that an environment has its registered content, and return it."""
    environment._registered_digest = _digest_of(environment)
    return environment


def registered_version(environment: Environment) -> str | None:
    """Return the registered version; None without one, or if the content was changed later."""
    if environment.version is None or environment._registered_digest is None:
        return None
    is_same = environment._registered_digest == _digest_of(environment)
    return environment.version if is_same else None


def _digest_of(environment: Environment) -> str:
    from amlflow.core.environments.registry import digest_of  # most scripts register nothing

    return digest_of(definition_of(environment))


def _registry(workspace: Any, right: str) -> Registry:
    from amlflow.core.environments.registry import Registry  # most scripts register nothing

    check_class(workspace, WorkspaceBase, "Environments are in a Workspace", right)
    return Registry(tracker_of(workspace))
