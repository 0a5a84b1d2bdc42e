"""Makes an environment on this machine: an image, or else a virtual environment."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from amlflow.core.scripts.dockerfiles import dockerfile_of
from amlflow.core.scripts.environment_sections import DockerSection, PythonSection
from amlflow.core.scripts.specify import specification_of
from amlflow.environments.building import ensure
from amlflow.environments.dockerfile import Dockerfile, ensure_built, find_built
from amlflow.environments.in_images import (
    HOME,
    ImageEnvironment,
    ensure_in_image,
    find_in_image,
)
from amlflow.environments.lookup import find_environment
from amlflow.environments.plan import plan_of
from amlflow.environments.specification import Specification
from amlflow.exceptions import ComputeTargetException
from amlflow.plugins import open_compute
from amlflow.spec import CONTAINER, Images, Tracker
from amlflow.working_folder import working_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentBuild:
    """The image or virtual environment that was made of an environment.

    ``python`` runs scripts in it, and ``folder`` has its packages. Both are paths in the ``image``
    if there is one, and otherwise paths of this machine. ``key`` is None if no packages had to be
    installed.
    """

    key: str | None
    image: str | None = None
    python: str | None = None
    folder: str | None = None
    packages: list[str] = field(default_factory=list)
    is_new: bool = False
    seconds: float = 0.0

    def describe(self) -> str:
        """Say in one sentence what was made."""
        if self.image is not None:
            return f"The environment is the image {self.image}."
        if self.key is None and self.python is None:
            return "The user manages the packages of this environment."
        if self.key is None:
            return "Nothing is made: this Python already has all packages of the environment."
        if self.is_new:
            return f"The environment {self.key} was made in {self.seconds:.1f} s."
        return f"The environment {self.key} was made before."


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """A request to make an environment.

    ``specification`` is None if the user manages the packages. With an ``image`` or a
    ``dockerfile``, an image on the Docker host is made. Without a Docker daemon, the packages for
    an ``image`` go into a virtual environment, as for a submitted script.
    """

    specification: Specification | None
    image: str | None = None
    dockerfile: Dockerfile | None = None

    @property
    def makes_nothing(self) -> bool:
        """Whether nothing is made: the user manages the packages, and no image is named."""
        return self.specification is None and self.image is None and self.dockerfile is None

    def make(self, log: TextIO) -> EnvironmentBuild:
        """Make the environment, unless it was made before.

        Raises:
            EnvironmentBuildException: the environment cannot be made.
            ComputeTargetException: the container engine does not answer, or returns an error.
        """
        images = self._find_images(log)
        if images is not None:
            return self._make_image(images, log)
        if self.specification is None:
            return EnvironmentBuild(key=None)
        built = ensure(self.specification, log)
        return EnvironmentBuild(
            key=built.key or None, python=str(built.python),
            folder=str(built.python.parent.parent) if built.key else None,
            packages=built.packages, is_new=built.is_new, seconds=built.seconds,
        )  # fmt: skip

    def find(self) -> EnvironmentBuild | None:
        """Find the environment if it was made before; None if not. Nothing is downloaded.

        Raises:
            EnvironmentBuildException: a line of the definition cannot be parsed.
            ComputeTargetException: the container engine does not answer.
            OSError: a file that the definition names cannot be read.
        """
        images = self._find_images(io.StringIO())
        if images is not None:
            return self._find_image(images)
        local = None if self.specification is None else find_environment(self.specification)
        if local is None:
            return None
        return EnvironmentBuild(
            key=local.key, python=str(local.python), folder=str(local.path),
            packages=local.packages,
        )  # fmt: skip

    def _find_images(self, log: TextIO) -> Images | None:
        if self.image is None and self.dockerfile is None:
            return None
        try:
            return find_images()
        except ComputeTargetException as failure:
            if self.dockerfile is not None or not self._names_packages():
                raise
            log.write(f"{failure.message} A virtual environment is made instead.\n")
            return None

    def _names_packages(self) -> bool:
        return self.specification is not None and not plan_of(self.specification).is_empty

    def _make_image(self, images: Images, log: TextIO) -> EnvironmentBuild:
        earlier = self._find_image(images)
        image = self.image
        if self.dockerfile is not None:
            with tempfile.TemporaryDirectory() as scratch:
                image = ensure_built(self.dockerfile, images, Path(scratch), log, lambda: False)
        specification = self.specification or Specification()
        program = specification.interpreter or images.program
        layer = ensure_in_image(specification, images, str(image), program, log)
        for warning in layer.warnings:
            log.write(f"{warning}\n")
        return _of_image(layer, is_new=earlier is None)

    def _find_image(self, images: Images) -> EnvironmentBuild | None:
        image = self.image
        if self.dockerfile is not None:
            image = find_built(self.dockerfile, images)
        if image is None:
            return None
        specification = self.specification or Specification()
        program = specification.interpreter or images.program
        layer = find_in_image(specification, images, image, program)
        return None if layer is None else _of_image(layer, is_new=False)


def _of_image(layer: ImageEnvironment, *, is_new: bool) -> EnvironmentBuild:
    return EnvironmentBuild(
        key=layer.key or None, image=layer.image, python=layer.python,
        folder=HOME if layer.key else None, packages=layer.packages, is_new=is_new,
    )  # fmt: skip


def find_images() -> Images | None:
    """The images of this machine's container engine; None if the engine's plugin stores no images.

    Raises:
        ComputeTargetException: no plugin runs containers, or the engine does not answer.
    """
    images: Images | None = getattr(open_compute(CONTAINER, {}), "images", None)
    if images is not None:
        images.check()
    return images


def build_request_of(
    name: str,
    python: PythonSection,
    docker: DockerSection,
    tracker: Callable[[], Tracker],
    folder: str | None = None,
) -> BuildRequest:
    """Prepare to make an environment with this name and these sections.

    ``tracker`` opens the tracker with the workspace's wheels. Relative paths are below ``folder``,
    or below the working folder without it.

    Raises:
        UserErrorException: a file that the sections name does not exist.
    """
    return BuildRequest(
        specification=specification_of(name, python, folder or str(working_folder()), tracker),
        image=docker.image(),
        dockerfile=dockerfile_of(docker),
    )
