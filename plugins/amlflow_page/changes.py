"""Changes among runs since a time: runs that are new, and runs that have ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from amlflow.spec import Condition, Op, RunRecord, Status
from amlflow.tracker_data import Malformed, to_time

KINDS: dict[str, tuple[str, Callable[[RunRecord], bool]]] = {
    "new": ("created", lambda record: True),
    "failed": ("ended", lambda record: record.status == Status.FAILED),
    "ended": ("ended", lambda record: record.status != Status.FAILED),
}
"""The kinds of changes. Each has the field of the time that counts, and a test for the run.

A ``failed`` run is not also ``ended``. A ``new`` run may be ``failed`` or ``ended``, too.
"""


@dataclass(frozen=True, slots=True)
class Changed:
    """Runs of one of :data:`KINDS` whose time is after ``since``."""

    kind: str
    since: datetime

    @staticmethod
    def parse(kind: object, since: object) -> Changed:
        """Parse the kind and the time of a request. Raises :class:`Malformed`."""
        if not isinstance(kind, str) or kind not in KINDS:
            raise Malformed(f"of a kind of {', '.join(KINDS)}")
        if not isinstance(since, str):
            raise Malformed("since a time in ISO 8601 with its zone")
        return Changed(kind, to_time(since))

    def conditions(self) -> list[Condition]:
        """Return the conditions that a tracker can search by. It may find too many runs."""
        return [Condition(KINDS[self.kind][0], Op.GE, self.since)]

    def holds(self, record: RunRecord) -> bool:
        """Return whether a run is of this kind, and its time is after ``since``."""
        field, is_meant = KINDS[self.kind]
        time: datetime | None = getattr(record, field)
        return time is not None and time > self.since and is_meant(record)
