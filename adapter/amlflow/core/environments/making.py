"""What is made of an environment on this machine: an image, or else a virtual environment."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from amlflow.core.scripts.dockerfiles import dockerfile_of
from amlflow.core.scripts.environment_sections import DockerSection, PythonSection
from amlflow.core.scripts.specify import specification_of
from amlflow.environments.building import BuiltEnvironment, ensure
from amlflow.environments.dockerfile import Dockerfile, ensure_built
from amlflow.environments.in_images import ensure_in_image
from amlflow.environments.plan import plan_of
from amlflow.environments.specification import Specification
from amlflow.exceptions import ComputeTargetException
from amlflow.plugins import open_compute
from amlflow.spec import CONTAINER, Images, Tracker


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """What an environment asks for. ``specification`` is None if the user manages its packages.

    With an ``image`` or a ``dockerfile`` it becomes an image on the Docker host. Without a daemon,
    an image's packages become a virtual environment, as where a script is submitted.
    """

    specification: Specification | None
    image: str | None = None
    dockerfile: Dockerfile | None = None

    def make(self, log: TextIO) -> str:
        """Make it if it is not there; one sentence on what was done.

        Raises:
            EnvironmentBuildException: it cannot be made.
            ComputeTargetException: the container engine does not answer or refuses.
        """
        images = self._find_images(log)
        if images is not None:
            return self._make_image(images, log)
        if self.specification is None:
            return "The user manages the packages of this environment."
        return describe_build(ensure(self.specification, log))

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

    def _make_image(self, images: Images, log: TextIO) -> str:
        image = self.image
        if self.dockerfile is not None:
            with tempfile.TemporaryDirectory() as scratch:
                image = ensure_built(self.dockerfile, images, Path(scratch), log, lambda: False)
        specification = self.specification or Specification()
        program = specification.interpreter or images.program
        environment = ensure_in_image(specification, images, str(image), program, log)
        for warning in environment.warnings:
            log.write(f"{warning}\n")
        return f"The environment is the image {environment.image}."


def find_images() -> Images | None:
    """The images of this machine's container engine; None if its plugin keeps none.

    Raises:
        ComputeTargetException: no plugin runs containers, or the engine does not answer.
    """
    images: Images | None = getattr(open_compute(CONTAINER, {}), "images", None)
    if images is not None:
        images.check()
    return images


def making_of(
    name: str, python: PythonSection, docker: DockerSection, tracker: Callable[[], Tracker]
) -> Making:
    """What is to be made of an environment with this name and these sections.

    ``tracker`` gives the one that has the workspace's wheels. Relative paths are below the working
    folder.

    Raises:
        UserErrorException: a file that it names does not exist.
    """
    return Making(
        specification=specification_of(name, python, os.getcwd(), tracker),
        image=docker.image(),
        dockerfile=dockerfile_of(docker),
    )


def describe_build(environment: BuiltEnvironment) -> str:
    """One sentence on what a build has done."""
    if not environment.key:
        return "Nothing has to be made: this Python has all packages of the environment."
    if environment.is_new:
        return f"The environment {environment.key} was made in {environment.seconds:.1f} s."
    return f"The environment {environment.key} was there already."
