"""Finds out whether this process's Python already has all packages of a definition."""

from __future__ import annotations

from importlib.metadata import Distribution, PackageNotFoundError, distribution

from amlflow.environments.plan import Plan

MAX_DEPTH = 20


def is_satisfied(plan: Plan) -> bool:
    """Whether this process's Python has a matching version of each requirement.

    Folders, addresses, packages with hashes, and packages that only conda has count as missing.
    """
    return plan.has_only_versions and all(_is_installed(line, 0) for line in plan.requirements)


def _is_installed(line: str, depth: int) -> bool:
    # packaging takes a while to import, and only a definition with packages needs it.
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(line)
    except InvalidRequirement:  # the path of a wheel
        return False
    if requirement.url is not None:
        return False
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
        return True
    try:
        installed = distribution(requirement.name)
    except PackageNotFoundError:
        return False
    if not requirement.specifier.contains(installed.version, prereleases=True):
        return False
    return all(_has_extra(installed, extra, depth) for extra in requirement.extras)


def _has_extra(installed: Distribution, extra: str, depth: int) -> bool:
    from packaging.requirements import Requirement  # as above

    if depth > MAX_DEPTH:
        return False
    for line in installed.requires or ():
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or "extra" not in str(marker) or not marker.evaluate({"extra": extra}):
            continue
        requirement.marker = None
        if not _is_installed(str(requirement), depth + 1):
            return False
    return True
