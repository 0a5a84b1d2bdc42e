"""What the Python of a container image decides: its platform, and whether amlflow runs there."""

from __future__ import annotations

from amlflow.environments.container_python import runs_on
from amlflow.environments.errors import EnvironmentBuildException
from amlflow.environments.pythons import OLDEST, OLDEST_CLIENT
from amlflow.spec import ImagePython

_GLIBC = (17, 28, *range(31, 41))
"""The versions 2.x of glibc that uv knows as a platform."""


def minor_of(python: ImagePython) -> tuple[int, int]:
    """Return the version without its last number, such as ``(3, 11)``."""
    major, minor, *_ = python.version.split(".")
    return int(major), int(minor)


def warning_of_python(image: str, python: ImagePython) -> str | None:
    """Return a warning if scripts of an image's Python cannot use amlflow, or None."""
    if not is_old(python) or (minor_of(python) >= OLDEST_CLIENT and runs_on(python.machine)):
        return None
    needed = OLDEST if minor_of(python) >= OLDEST_CLIENT else OLDEST_CLIENT
    where = " where this machine's own Python cannot run in the image" if needed == OLDEST else ""
    return (
        f"The image {image!r} has Python {python.version}, but amlflow needs "
        f"{needed[0]}.{needed[1]}{where}: a script that imports azureml fails there. Use an image "
        "with a newer Python, or submit without Docker."
    )


def is_old(python: ImagePython) -> bool:
    """Whether amlflow itself does not run on an image's Python."""
    return minor_of(python) < OLDEST


def platform_of(python: ImagePython) -> str:
    """Return uv's name for the platform of an image's Python.

    Raises:
        EnvironmentBuildException: uv does not know the platform.
    """
    machine = {"arm64": "aarch64", "amd64": "x86_64"}.get(python.machine, python.machine)
    name, _, version = python.libc.partition(" ")
    minor = version.removeprefix("2.").split(".")[0]
    known = [number for number in _GLIBC if minor.isdigit() and number <= int(minor)]
    if machine in ("x86_64", "aarch64") and name == "musl":
        return f"{machine}-unknown-linux-musl"
    if machine in ("x86_64", "aarch64") and name == "glibc" and known:
        return f"{machine}-manylinux_2_{known[-1]}"
    raise EnvironmentBuildException(
        f"Packages cannot be added to an image for {python.machine} with the C library "
        f"{python.libc or 'unknown'}: uv supports x86_64 and aarch64 with glibc 2.17 or newer, or "
        "with musl. Install the packages in the image."
    )
