"""What an agent has prepared before it starts a script."""

from __future__ import annotations

from dataclasses import dataclass

from amlflow.spec import Work


@dataclass(frozen=True, slots=True)
class PreparedWork:
    """The work, which can start now, with the notes and warnings for the run."""

    work: Work
    notes: dict[str, str]
    warnings: list[str]
