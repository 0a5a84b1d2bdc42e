"""Makes the exception of an installation by uv that failed: the reason, and what helps."""

from __future__ import annotations

from collections.abc import Sequence

from amlflow.environments.errors import EnvironmentBuildException, MissingPackages
from amlflow.environments.pythons import SETTING, minors_of
from amlflow.environments.reasons import (
    address_of,
    find_failed_build,
    find_missing,
    find_without_wheel,
    is_away,
    last_of_build,
    reason_of,
    reason_of_hashes,
)
from amlflow.environments.specification import Specification

_V1_MINOR = 8
"""v1 used Python 3.8 for a definition that names no Python."""


def failure_of(
    output: Sequence[str], python: str, *, pinned: frozenset[str], relaxing: bool, older: str | None
) -> EnvironmentBuildException:
    """Make an exception of uv's output for an installation that failed.

    Args:
        output: What uv has printed.
        python: The version of the Python that the packages were for.
        pinned: The names of the packages that the definition pins to a version.
        relaxing: Whether a pin without a wheel was relaxed.
        older: How the user gets another Python, as a sentence; None if that does not help.
    """
    if hashes := reason_of_hashes(output):
        return EnvironmentBuildException(f"The environment could not be made: {hashes}.")
    if is_away(output):
        address = address_of(output)
        host = f"the index {address}" if address else "a host"
        return EnvironmentBuildException(
            f"The environment could not be made: {host} does not answer, and uv's cache does not "
            "have all packages. Check the network and the index."
        )
    reason, package = reason_of(output), find_failed_build(output)
    if package is not None:
        reason = (
            f"{package} could not be built from its source for Python {python}: "
            f"{last_of_build(output) or reason}"
        )
    sentences = [f"The environment could not be made: {reason}."]
    without_wheel = package or find_without_wheel(output)
    if without_wheel is not None:
        name = without_wheel.partition("==")[0]
        is_pinned = name in pinned if name else bool(pinned)
        sentences.append(_advise_on_version(is_pinned, relaxing, python.rpartition(".")[0]))
        sentences += [older] if older else []
    message = " ".join(sentences)
    missing = find_missing(output)
    return MissingPackages(message, missing) if missing else EnvironmentBuildException(message)


def _advise_on_version(is_pinned: bool, relaxing: bool, python: str) -> str:
    """Say how the user gets a version that has a wheel."""
    if not is_pinned:
        return (
            f"No version of it that the definition and its other packages allow has a wheel for "
            f"Python {python}. Name other versions of the packages that require it."
        )
    if relaxing:
        return f"Pins are relaxed, but no version of it that fits has a wheel for Python {python}."
    return (
        "AMLFLOW_RELAX_PINS=1 or environment.python.relax = True allows the nearest version that "
        f"has a wheel for Python {python}."
    )


def advise_on_python(specification: Specification, python: str) -> str | None:
    """Say how the user gets another Python for a definition; None if that would not help.

    ``python`` is the version that was taken.
    """
    minor = int(python.split(".")[1])
    asked = minors_of(specification.python)
    if specification.interpreter is None and asked and minor not in asked:
        return (
            f"The definition asks for Python {specification.python}, which was not found: install "
            f"it, or name it in {SETTING}."
        )
    if minor <= _V1_MINOR:
        return None
    if specification.interpreter is not None:
        return "Or name an older Python in environment.python.interpreter_path."
    return (
        f"Or name an older Python in the definition, such as 3.{_V1_MINOR}, which was v1's default."
    )


def advise_on_image(python: str) -> str | None:
    """Do the same for an image with this version of Python."""
    return (
        f"Or use an image with an older Python, such as 3.{_V1_MINOR}."
        if int(python.split(".")[1]) > _V1_MINOR
        else None
    )
