"""A compute target that runs containers, on this machine or on the host in DOCKER_HOST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from amlflow.spec import CONTAINER, hookimpl

from amlflow_docker.limits import LIMITS

if TYPE_CHECKING:
    from amlflow.spec import Compute

amlflow_spec = 1
check_kind = "docker"
known_limits = LIMITS


@hookimpl
def amlflow_compute(kind: str, settings: Mapping[str, Any]) -> Compute | None:
    """Accept the kinds ``docker`` and ``container``. ``settings.py`` lists the settings."""
    if kind not in ("docker", CONTAINER):
        return None
    # Only a process that opens such a compute target needs these.
    from amlflow.exceptions import ComputeTargetException
    from amlflow.parts import check_part

    check_part("docker", f"A compute target of kind {kind!r}", ComputeTargetException)
    # It imports Docker's client.
    from amlflow_docker.compute import DockerCompute
    from amlflow_docker.settings import parse_settings

    return DockerCompute(parse_settings(settings))
