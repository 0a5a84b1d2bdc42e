"""Replaces a pinned version without a wheel by the nearest version that has one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Resolve = Callable[[str, str], list[str] | None]
"""Resolves one requirement without its dependencies, from wheels only.

The second argument is ``lowest-direct`` or ``highest``. Returns the resolved lines, or None."""


def relax(requirements: list[str], resolve: Resolve) -> tuple[list[str], list[str]]:
    """Replace each pin that has no wheel. Returns the requirements, and a sentence for each change.

    If no version of a package has a wheel, its pin stays: it must be built from its source.
    """
    relaxed, notes = [], []
    for line in requirements:
        nearest = _nearest(line, resolve)
        relaxed.append(nearest or line)
        if nearest is not None:
            notes.append(f"{line} has no wheel for this Python. {nearest} is installed instead.")
    return relaxed, notes


def _nearest(line: str, resolve: Resolve) -> str | None:
    """Find the nearest version with a wheel: the next newer one, or else the next older one."""
    # packaging takes a while to import, and few environments are relaxed.
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(line)
    except InvalidRequirement:  # the path of a wheel
        return None
    pins = [clause for clause in requirement.specifier if clause.operator == "=="]
    if requirement.url is not None or len(pins) != 1 or resolve(line, "highest") is not None:
        return None
    version = pins[0].version.removesuffix(".*")
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f"; {requirement.marker}" if requirement.marker else ""
    for operator, strategy in ((">=", "lowest-direct"), ("<", "highest")):
        lines = resolve(f"{requirement.name}{operator}{version}{marker}", strategy)
        for resolved in lines or ():
            name, _, number = resolved.partition("==")
            if name == requirement.name and number:
                return f"{name}{extras}=={number.split(' ')[0].split(';')[0]}{marker}"
    return None


def read_resolved(path: Path) -> list[str]:
    """Read the lines that uv has written as the result of resolving."""
    text = path.read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line and line[0] not in "#- "]
