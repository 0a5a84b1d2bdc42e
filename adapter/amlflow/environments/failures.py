"""Makes the exception of an installation by uv that failed: the reason, and what helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from amlflow.environments.errors import EnvironmentBuildException, MissingPackages
from amlflow.environments.pythons import SETTING, minors_of
from amlflow.environments.reasons import (
    address_of,
    find_failed_build,
    find_missing,
    find_refusals,
    find_silence,
    find_status,
    find_without_wheel,
    is_away,
    is_cache_refused,
    is_unsolvable,
    last_of_build,
    reason_of,
    reason_of_git,
    reason_of_hashes,
)
from amlflow.environments.specification import Specification

_V1_MINOR = 8
"""v1 used Python 3.8 for a definition that names no Python."""


def failure_of(
    output: Sequence[str],
    python: str,
    *,
    pinned: frozenset[str],
    relaxing: bool,
    older: str | None,
    before: str | None = None,
) -> EnvironmentBuildException:
    """Make an exception of uv's output for an installation that failed.

    Args:
        output: What uv has printed.
        python: The version of the Python that the packages were for.
        pinned: The names of the packages that the definition pins to a version.
        relaxing: Whether a pin without a wheel was relaxed.
        older: How the user gets another Python, as a sentence; None if that does not help.
        before: The date of the definition's packages.
    """
    if hashes := reason_of_hashes(output):
        return EnvironmentBuildException(f"The environment could not be made: {hashes}.")
    if is_away(output):
        return EnvironmentBuildException(
            f"The environment could not be made: {_say_who_is_away(output)}, and uv's cache does "
            "not have all packages. Check the network and the index."
        )
    if refusals := find_refusals(output):
        return _refusal_of(output, refusals)
    reason, package = reason_of(output), find_failed_build(output)
    if package is not None:
        reason = (
            f"{package} could not be built from its source for Python {python}: "
            f"{last_of_build(output) or reason}"
        )
    sentences = [f"The environment could not be made: {reason}."]
    if before is not None and is_unsolvable(output):
        sentences.append(
            f"Only packages of before {before} are taken. If the index does not say when packages "
            "were uploaded, a date cannot be used with it."
        )
    if is_cache_refused(output):
        sentences.append(
            "uv must be able to write to its cache: UV_CACHE_DIR names another folder."
        )
    without_wheel = package or find_without_wheel(output)
    if without_wheel is not None:
        name = without_wheel.partition("==")[0]
        is_pinned = name in pinned if name else bool(pinned)
        sentences.append(_advise_on_version(is_pinned, relaxing, python.rpartition(".")[0]))
        sentences += [older] if older else []
    message = " ".join(sentences)
    missing = find_missing(output)
    return MissingPackages(message, missing) if missing else EnvironmentBuildException(message)


def _say_who_is_away(output: Sequence[str]) -> str:
    if said := find_silence(output) or reason_of_git(output):
        return said
    address = address_of(output) or "a host"
    host = f"the index {address}" if address.endswith("/") else address  # else the file of a wheel
    status = find_status(output)
    return f"{host} answers {status}" if status else f"{host} does not answer"


def _refusal_of(output: Sequence[str], refusals: Mapping[str, str]) -> EnvironmentBuildException:
    """Make the exception for indexes that do not let this user in.

    uv takes them for indexes that do not have the packages, so its own reason would mislead.
    """
    missing = find_missing(output)
    whom = " and ".join(f"{address} ({status})" for address, status in refusals.items())
    names = ", ".join(sorted(missing))
    what = f", so it is not known whether {names} can be found there" if missing else ""
    more = "" if missing or find_status(output) else f" {reason_of(output)}."
    advice = (
        "Check the user and the password. uv takes them from the address, as in "
        "https://USER:PASSWORD@HOST/simple, or from ~/.netrc."
    )
    message = (
        f"The environment could not be made: access is refused by {whom}{what}.{more} {advice}"
    )
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
