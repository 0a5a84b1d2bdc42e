"""Decides which compute target runs a script, and whether it runs in a container."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amlflow.core.compute import declared
from amlflow.core.console import warn_once
from amlflow.core.scripts.environment import Environment
from amlflow.core.scripts.run_configuration import RunConfiguration
from amlflow.core.store import WorkspaceBase
from amlflow.exceptions import ComputeTargetException
from amlflow.jobs.job import Target
from amlflow.plugins import open_compute
from amlflow.spec import CONTAINER


def resolve_target(workspace: WorkspaceBase, settings: RunConfiguration) -> Target:
    """Return the target that a run configuration names.

    A local target runs the script in a container if the configuration asks for it and a container
    engine answers. A local target that stands for a v1 cluster ignores this setting, with a
    warning, because v1 code sets it for every cluster.

    Raises:
        ComputeTargetException: the target is unknown, or the environment is only an image and no
            engine answers.
    """
    declaration = declared.find(workspace, settings.target)
    declared_settings = dict(declaration.settings)
    container = settings.docker.use_docker or settings.environment.docker.enabled
    if container and declared_settings["kind"] == declared.LOCAL:
        if declaration.is_cluster:
            warn_once(
                f"use_docker is ignored: compute target {settings.target!r} stands for a cluster, "
                "and this machine runs its scripts without a container. Declare the target with "
                "kind: docker to run them in one."
            )
        elif _has_engine(settings):
            declared_settings = _in_container(declaration.name, declared_settings, settings)
    return declared.open_target(declaration.name, declared_settings)


def _has_engine(settings: RunConfiguration) -> bool:
    """Whether containers can be run. If not, a warning says that the script runs without one.

    Raises:
        ComputeTargetException: no engine answers, and the environment is only an image.
    """
    try:
        images = getattr(open_compute(CONTAINER, {}), "images", None)
        if images is not None:
            images.check()
    except ComputeTargetException as failure:
        if is_only_image(settings.environment):
            raise
        warn_once(
            f"use_docker is ignored, and the script runs with a Python of this machine. "
            f"{failure.message}"
        )
        return False
    return True


def is_only_image(environment: Environment) -> bool:
    """Whether an environment is only a container image: nothing else could be made for a script."""
    docker = environment.docker
    if docker.base_dockerfile or docker.build_context is not None:
        return True
    return docker.image() is not None and environment.python.user_managed_dependencies


def _in_container(
    name: str, declared_settings: Mapping[str, Any], settings: RunConfiguration
) -> dict[str, Any]:
    docker = settings.docker if settings.docker.use_docker else settings.environment.docker
    declaration: dict[str, Any] = {
        "kind": CONTAINER,
        "max_runs": declared.open_target(name, declared_settings).max_runs,
    }
    if docker.arguments:
        declaration["arguments"] = list(docker.arguments)
    if docker.shm_size:
        declaration["shm_size"] = docker.shm_size
    return declaration
