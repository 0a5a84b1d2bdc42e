"""The parts of an environment's definition: v1's sections, and the key of each setting in files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from amlflow.core.scripts.conda_dependencies import CondaDependencies
from amlflow.core.scripts.dockerfiles import CONTEXT, DOCKERFILE, DockerBuildContext
from amlflow.core.scripts.sections import DEFAULT_IMAGES, ContainerRegistry
from amlflow.core.scripts.settings_file import (
    FLAG,
    LINES,
    LIST,
    OPTION,
    PACKAGES,
    TEXT,
    TEXTS,
    VALUE,
)
from amlflow.core.scripts.unknown_settings import Settings
from amlflow.exceptions import UserErrorException

DEFAULT_NAME = "default-environment"
DEFAULT_PYTHON = "python"
"""v1's default interpreter: the active one, which is that of the submitter or of the image."""

FIELDS = (
    ("name", "name", TEXT),
    ("environment_variables", "environmentVariables", TEXTS),
    ("python.user_managed_dependencies", "python.userManagedDependencies", FLAG),
    ("python.interpreter_path", "python.interpreterPath", TEXT),
    ("python.conda_dependencies_file", "python.condaDependenciesFile", TEXT),
    ("python.conda_dependencies", "python.condaDependencies", PACKAGES),
    ("python.relax", "python.relax", FLAG),
    ("python.packages_before", "python.packagesBefore", OPTION),
    ("python.constraints", "python.constraints", LINES),
    ("docker.enabled", "docker.enabled", FLAG),
    ("docker.base_image", "docker.baseImage", TEXT),
    ("docker.base_image_registry.address", "docker.baseImageRegistry.address", TEXT),
    ("docker.base_dockerfile", "docker.baseDockerfile", DOCKERFILE),
    ("docker.build_context", "docker.buildContext", CONTEXT),
    ("docker.arguments", "docker.arguments", LIST),
    ("docker.shm_size", "docker.shmSize", TEXT),
    ("spark.repositories", "spark.repositories", LIST),
    ("spark.packages", "spark.packages", LIST),
    ("spark.precache_packages", "spark.precachePackages", VALUE),
)
"""Each setting of an environment: its attribute, its key in files and its type."""


@dataclass
class PythonSection(Settings):
    """The Python that runs the script, and its packages.

    v1 does not have ``relax``: if it is set, and a pinned version has no wheel for this Python, the
    nearest version that has a wheel is installed. It does not have ``packages_before`` either, a
    date such as ``2021-06-30``: no package that was uploaded later is installed; nor
    ``constraints``, the lines of a constraints file of pip, such as ``numpy<2``.
    """

    interpreter_path: str = DEFAULT_PYTHON
    user_managed_dependencies: bool = False
    conda_dependencies_file: str | None = None
    conda_dependencies: CondaDependencies = field(default_factory=CondaDependencies)
    relax: bool = False
    packages_before: str | None = None
    constraints: list[str] = field(default_factory=list)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "conda_dependencies" and not isinstance(value, CondaDependencies):
            raise UserErrorException(
                f"conda_dependencies={value!r} is not a CondaDependencies; "
                "CondaDependencies.create(pip_packages=[…]) makes one."
            )
        if name == "packages_before" and value is not None:
            value = str(value)  # of a datetime.date
        super().__setattr__(name, value)


SHM_SIZE = "2g"
"""v1's default size of a container's shared memory. Docker's own is too small for PyTorch."""


@dataclass
class DockerSection(Settings):
    """The container image that the script runs in.

    ``base_dockerfile`` is the text of a Dockerfile, or its path. If it or ``build_context`` is set,
    ``base_image`` is not used.
    """

    enabled: bool = False
    base_image: str | None = None
    arguments: list[str] = field(default_factory=list)
    shared_volumes: bool = True
    shm_size: str | None = SHM_SIZE
    base_dockerfile: str | None = None
    build_context: DockerBuildContext | None = None
    base_image_registry: ContainerRegistry = field(default_factory=ContainerRegistry)

    def image(self) -> str | None:
        """Return the image's whole name; None for no image, or for one of v1's default images."""
        image, address = self.base_image, self.base_image_registry.address
        if not image or image in DEFAULT_IMAGES:
            return None
        is_whole = not address or image.startswith(f"{address}/")
        return image if is_whole else f"{address}/{image}"
