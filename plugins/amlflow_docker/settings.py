"""The settings of a Docker target, as ``.azureml/compute.yaml`` or a run configuration has them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from amlflow.exceptions import ComputeTargetException


@dataclass(frozen=True, slots=True)
class Settings:
    """What a container gets.

    ``image`` is used where the run's environment names none. ``memory`` and ``shm_size`` are sizes
    as docker writes them ("512m", "4g"); ``cpus`` a number of cores; ``gpus`` a number or "all".
    ``network`` is docker's mode: "host" lets a script reach a server on this machine's 127.0.0.1.
    ``volumes`` are "path:path_in_container[:ro]". ``python`` is the image's interpreter, and
    ``amlflow`` whether amlflow is added to an image that lacks it.
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
"""What of ``docker run``'s options a run configuration's ``docker.arguments`` may hold."""


def parsed(stated: Mapping[str, Any]) -> Settings:
    """The settings; ``arguments`` are options as for ``docker run``.

    Raises:
        ComputeTargetException: one is unknown, or no such value.
    """
    found = dict(stated)
    found.update(_from_arguments(found.pop("arguments", ())))
    known = [each.name for each in fields(Settings)]
    for key in found:
        if key not in known:
            raise ComputeTargetException(
                f"A compute target of the kind 'docker' has no setting {key!r}; it has "
                f"{', '.join(map(repr, known))}, and 'max_runs' as every target."
            )
    volumes = found.get("volumes", ())
    if isinstance(volumes, str) or not all(
        isinstance(each, str) and _VOLUME.fullmatch(each) for each in volumes
    ):
        raise ComputeTargetException(
            f"volumes: {volumes!r} is not a list of texts such as '/data:/data:ro'."
        )
    found["volumes"] = tuple(volumes)
    for key in ("memory", "gpus", "network", "shm_size", "image"):
        if found.get(key) is not None:
            found[key] = str(found[key])
    for key in ("memory", "shm_size"):
        if found.get(key) is not None and not _SIZE.fullmatch(found[key]):
            raise ComputeTargetException(
                f"{key}: {found[key]!r} is not a size such as '512m' or '4g'."
            )
    if not isinstance(found.get("amlflow", True), bool):
        raise ComputeTargetException(f"amlflow: {found['amlflow']!r} is neither true nor false.")
    if found.get("cpus") is not None:
        try:
            found["cpus"] = float(found["cpus"])
        except (TypeError, ValueError):
            raise ComputeTargetException(
                f"cpus: {found['cpus']!r} is not a number of cores."
            ) from None
    gpus = found.get("gpus")
    if gpus is not None and gpus != "all" and not gpus.isdigit():
        raise ComputeTargetException(f"gpus: {gpus!r} is neither a number nor 'all'.")
    return Settings(**found)


def _from_arguments(arguments: Any) -> dict[str, Any]:
    words = shlex.split(arguments) if isinstance(arguments, str) else [str(w) for w in arguments]
    found: dict[str, Any] = {}
    while words:
        option, given, value = words.pop(0).partition("=")
        key = _OPTIONS.get(option)
        if key is None or not (given or words):
            raise ComputeTargetException(
                f"The docker argument {option!r} is not one that amlflow passes on; it knows "
                f"{', '.join(_OPTIONS)}, each with a value."
            )
        value = value if given else words.pop(0)
        if key == "volumes":
            found.setdefault("volumes", []).append(value)
        else:
            found[key] = value
    return found
