"""The packages and images that must be made for a script on its target before it starts."""

from __future__ import annotations

import copy
import logging
import os

from amlflow.core.scripts.dockerfiles import dockerfile_of
from amlflow.core.scripts.environment import Environment
from amlflow.core.scripts.run_configuration import RunConfiguration
from amlflow.core.scripts.specify import packages_of
from amlflow.environments.building import find_warnings, needs_environment
from amlflow.environments.dockerfile import Dockerfile
from amlflow.environments.in_images import find_warning
from amlflow.environments.plan import plan_of
from amlflow.environments.specification import Specification
from amlflow.exceptions import UserErrorException
from amlflow.jobs.job import Job, Target
from amlflow.jobs.launch import images_of, runs_here
from amlflow.spec import Compute

logger = logging.getLogger("amlflow")


def choose_packages(specification: Specification | None, compute: Compute) -> Specification | None:
    """Return the packages to install on this target; None if there is nothing to install.

    If the target cannot install packages, a warning says so, and None is returned.
    """
    if specification is None:
        return None
    if runs_here(compute):
        if not needs_environment(specification):
            return None
        for warning in find_warnings(specification):
            logger.warning("%s", warning)
        return specification
    if plan_of(specification).is_empty:
        return None
    if images_of(compute) is None:
        logger.warning(
            "The packages of the environment %r are not added to its image; it must have them "
            "already. environment.python.user_managed_dependencies = True says that it has.",
            specification.name,
        )
        return None
    return specification


def warn_of_image(job: Job, compute: Compute) -> None:
    """Warn if the script's image has a Python that is too old for amlflow.

    The image is on the host.

    Raises:
        ComputeTargetException: the target's engine does not answer, or the image's Python does not
            start.
        UserErrorException: a file that the environment names cannot be read.
    """
    images = images_of(compute)
    image = None if images is None else job.image or images.default_image
    if images is None or image is None:
        return
    specification = Specification.from_json(job.specification or {})
    warning = find_warning(specification, images, image, job.python or images.program)
    if warning is not None:
        logger.warning("%s", warning)


def with_packages(environment: Environment, folder: str | os.PathLike[str]) -> Environment:
    """Return the environment, or a copy of it that contains the packages of its conda file.

    Raises:
        UserErrorException: the conda file does not exist, or is not a conda file.
    """
    if environment.python.user_managed_dependencies:
        return environment
    packages = packages_of(environment.python, folder)
    if packages is environment.python.conda_dependencies:
        return environment
    whole = copy.deepcopy(environment)
    whole.python.conda_dependencies = packages
    return whole


def check_dockerfile(
    settings: RunConfiguration, target: Target, compute: Compute
) -> Dockerfile | None:
    """Return the Dockerfile of the environment; None if it has none.

    Raises:
        UserErrorException: the target cannot build images, or the Dockerfile does not exist.
        ComputeTargetException: the target's engine does not answer.
    """
    dockerfile = dockerfile_of(settings.environment.docker)
    if dockerfile is None:
        return None
    images = images_of(compute)
    if images is None:
        raise UserErrorException(
            f"The environment {settings.environment.name!r} is made by a Dockerfile, and the "
            f"compute target {target.name!r} (kind {target.kind!r}) runs no containers. Set "
            "run_config.docker = DockerConfiguration(use_docker=True), or use a compute target of "
            "kind 'docker'."
        )
    images.check()
    return dockerfile
