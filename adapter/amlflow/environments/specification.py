"""The definition of an environment, as the user wrote it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OF_CONDA = "# conda: "
"""What a package of conda's begins with in a list of packages: pip takes it for a comment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """The packages and the Python of a definition.

    ``python`` is a version in conda's form (``3.8``, ``3.8.*``, ``>=3.7,<3.9``). None means the
    submitter's own Python. ``conda`` and ``channels`` are conda's lines. ``pip`` has the lines of a
    requirements file in their order, with options. Relative paths in them are below the first of
    ``folders`` that has the file. ``interpreter`` is the path of the Python to build on, if the
    definition names one. ``relax`` allows the nearest version with a wheel in place of a pin
    without one. ``before`` is a date: no package that was uploaded later is installed.
    ``constraints`` are lines of a constraints file: they limit versions and install nothing.

    Lines may contain passwords of indexes. To show a specification, use ``display_lines`` of its
    plan.
    """

    name: str = ""
    python: str | None = None
    conda: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    interpreter: str | None = None
    relax: bool = False
    before: str | None = None
    constraints: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Convert to JSON, with all secrets."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Specification:
        """Convert from JSON, the inverse of :meth:`to_json`. Raises TypeError for other JSON."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in content.items()
        }
        return Specification(**values)
