"""What has changed among runs since somebody looked: new ones, and those that have ended."""

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
"""The kinds of changes: the time that is looked at, and which runs are meant.

``failed`` runs are not among the ``ended`` ones; a ``new`` run may be one of them, too.
"""


@dataclass(frozen=True, slots=True)
class Changed:
    """Runs of one of :data:`KINDS` whose time is after ``since``."""

    kind: str
    since: datetime

    @staticmethod
    def parse(kind: object, since: object) -> Changed:
        """The two as a request has them. Raises :class:`Malformed`."""
        if not isinstance(kind, str) or kind not in KINDS:
            raise Malformed(f"of a kind of {', '.join(KINDS)}")
        if not isinstance(since, str):
            raise Malformed("since a time in ISO 8601 with its zone")
        return Changed(kind, to_time(since))

    def conditions(self) -> list[Condition]:
        """What a tracker may search by."""
        return [Condition(KINDS[self.kind][0], Op.GE, self.since)]

    def holds(self, record: RunRecord) -> bool:
        """Whether a run is one of them."""
        field, is_meant = KINDS[self.kind]
        time: datetime | None = getattr(record, field)
        return time is not None and time > self.since and is_meant(record)
