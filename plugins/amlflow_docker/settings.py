"""The settings of a Docker target, from ``.azureml/compute.yaml`` or a run configuration."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from amlflow.exceptions import ComputeTargetException


@dataclass(frozen=True, slots=True)
class DockerSettings:
    """The settings of a container.

    * ``image``: used if the run's environment does not name one.
    * ``memory``, ``shm_size``: sizes in Docker's form, such as "512m" or "4g".
    * ``cpus``: a number of cores.
    * ``gpus``: a number, or "all".
    * ``network``: Docker's mode. With "host", a script can reach a server at 127.0.0.1 of the host.
    * ``volumes``: texts of the form "path:path_in_container[:ro]".
    * ``python``: the interpreter of the image.
    * ``amlflow``: whether amlflow is added to an image that lacks it.
    """

    image: str | None = None
    memory: str | None = None
    cpus: float | None = None
    gpus: str | None = None
    network: str | None = None
    volumes: tuple[str, ...] = ()
    shm_size: str | None = None
    python: str = "python3"
    amlflow: bool = True


_SIZE = re.compile(r"\d+(\.\d+)?([bkmgt]|[kmgt]b)?", re.IGNORECASE)
_VOLUME = re.compile(r"[^:]+:/[^:]*(:[^:]+)?")
_OPTIONS = {
    "--memory": "memory",
    "-m": "memory",
    "--cpus": "cpus",
    "--gpus": "gpus",
    "--network": "network",
    "--net": "network",
    "--shm-size": "shm_size",
    "--volume": "volumes",
    "-v": "volumes",
}
"""The options of ``docker run`` that a run configuration's ``docker.arguments`` may have."""


def parse_settings(settings: Mapping[str, Any]) -> DockerSettings:
    """Parse a target's settings. ``arguments`` has options of ``docker run``.

    Raises:
        ComputeTargetException: a setting is unknown, or has an invalid value.
    """
    values = dict(settings)
    values.update(_from_arguments(values.pop("arguments", ())))
    names = [field.name for field in fields(DockerSettings)]
    for key in values:
        if key not in names:
            raise ComputeTargetException(
                f"A compute target of the kind 'docker' has no setting {key!r}; it has "
                f"{', '.join(map(repr, names))}, and 'max_runs' as every target."
            )
    volumes = values.get("volumes", ())
    if isinstance(volumes, str) or not all(
        isinstance(volume, str) and _VOLUME.fullmatch(volume) for volume in volumes
    ):
        raise ComputeTargetException(
            f"volumes: {volumes!r} is not a list of texts such as '/data:/data:ro'."
        )
    values["volumes"] = tuple(volumes)
    for key in ("memory", "gpus", "network", "shm_size", "image"):
        if values.get(key) is not None:
            values[key] = str(values[key])
    for key in ("memory", "shm_size"):
        if values.get(key) is not None and not _SIZE.fullmatch(values[key]):
            raise ComputeTargetException(
                f"{key}: {values[key]!r} is not a size such as '512m' or '4g'."
            )
    if not isinstance(values.get("amlflow", True), bool):
        raise ComputeTargetException(f"amlflow: {values['amlflow']!r} is neither true nor false.")
    if values.get("cpus") is not None:
        try:
            values["cpus"] = float(values["cpus"])
        except (TypeError, ValueError):
            raise ComputeTargetException(
                f"cpus: {values['cpus']!r} is not a number of cores."
            ) from None
    gpus = values.get("gpus")
    if gpus is not None and gpus != "all" and not gpus.isdigit():
        raise ComputeTargetException(f"gpus: {gpus!r} is neither a number nor 'all'.")
    return DockerSettings(**values)


def _from_arguments(arguments: Any) -> dict[str, Any]:
    words = shlex.split(arguments) if isinstance(arguments, str) else [str(w) for w in arguments]
    values: dict[str, Any] = {}
    while words:
        option, equals, value = words.pop(0).partition("=")
        key = _OPTIONS.get(option)
        if key is None or not (equals or words):
            raise ComputeTargetException(
                f"The docker argument {option!r} is not one that amlflow passes on; it knows "
                f"{', '.join(_OPTIONS)}, each with a value."
            )
        value = value if equals else words.pop(0)
        if key == "volumes":
            values.setdefault("volumes", []).append(value)
        else:
            values[key] = value
    return values
