"""What an environment's definition asks for, as it was written."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """The packages of a definition and the Python that it asks for.

    ``python`` is a version in conda's form (``3.8``, ``3.8.*``, ``>=3.7,<3.9``); None takes the
    submitter's own. ``conda`` and ``channels`` are conda's lines, ``pip`` the lines of a
    requirements file in their order, options included. Relative paths in them are below the first
    of ``folders`` that has the file.
    ``interpreter`` is the path of the Python to build on, where the definition names one. ``relax``
    allows the nearest version with a wheel in place of a pin without one.

    Lines may hold passwords of indexes, so a specification is shown only as a plan's
    ``display_lines``.
    """

    name: str = ""
    python: str | None = None
    conda: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    interpreter: str | None = None
    relax: bool = False

    def to_json(self) -> dict[str, Any]:
        """As JSON, with the secrets that it holds."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Specification:
        """The inverse of :meth:`to_json`. Raises TypeError for what is not a specification."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in content.items()
        }
        return Specification(**values)
