"""The connection to a Docker daemon, and the messages for its failures."""

from __future__ import annotations

from typing import Any

import docker
import docker.errors
import requests
from amlflow.exceptions import ComputeTargetException

DOCKER_TIMEOUT_S = 60
FAILURES = (docker.errors.DockerException, requests.exceptions.RequestException)


def connect(timeout: float = DOCKER_TIMEOUT_S) -> Any:
    """Connect to the daemon, and return a client.

    Raises:
        ComputeTargetException: the daemon does not answer.
    """
    try:
        client = docker.from_env(timeout=timeout)
        client.ping()
    except FAILURES as error:
        raise to_exception(error) from error
    return client


def to_exception(error: Exception) -> ComputeTargetException:
    """Make the error for a daemon that does not answer."""
    cause = cause_of(error)
    if "Permission denied" in cause:
        todo = "Ask to be added to the group 'docker', or set DOCKER_HOST to a daemon of yours."
    else:
        todo = (
            "Start it (`sudo systemctl start docker`, or Docker Desktop), or set DOCKER_HOST to "
            "where one listens."
        )
    return ComputeTargetException(f"No Docker daemon answers: {cause}. {todo}")


def cause_of(error: Exception) -> str:
    """Return the cause of an error, in one line."""
    text = str(getattr(error, "explanation", None) or error)
    if "no space left on device" in text.lower():
        return "the disk of the Docker host is full"
    return text.strip().splitlines()[0].rstrip(".")[:300]
