"""Which runs to find, and in which order."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from amlflow.spec.records import ExperimentRecord, RunRecord


class Op(str, enum.Enum):
    """How a condition compares. All but NE and LACKS are false where the field is absent."""

    EQ = "="
    NE = "!="
    HAS = "has"  # the key is there, whatever its value
    LACKS = "lacks"
    STARTS_WITH = "starts with"
    CONTAINS = "contains"
    GE = ">="
    LE = "<="


@dataclass(frozen=True, slots=True)
class Condition:
    """A test of one field of a run's (or an experiment's) record.

    ``field`` is an attribute's name; for ``tags``, ``properties`` and ``params``, ``key`` says
    which.
    ``value`` is a string, or a datetime for ``created``, ``started`` and ``ended``.
    """

    field: str
    op: Op
    value: str | datetime | None = None
    key: str | None = None

    def holds(self, record: RunRecord | ExperimentRecord) -> bool:
        """Whether the record meets the condition, exactly. A tracker may use it, or do better."""
        found: Any = getattr(record, self.field)
        if self.key is not None:
            present = self.key in found
            found = found.get(self.key)
        else:
            present = found is not None
        if self.op is Op.HAS:
            return present
        if self.op is Op.LACKS:
            return not present
        if self.op is Op.EQ:
            return present and bool(found == self.value)
        if self.op is Op.NE:
            return not present or bool(found != self.value)
        if found is None or self.value is None:
            return False
        if self.op is Op.STARTS_WITH:
            return str(found).startswith(str(self.value))
        if self.op is Op.CONTAINS:
            return str(self.value) in found
        if self.op is Op.GE:
            return bool(found >= self.value)
        return bool(found <= self.value)


@dataclass(frozen=True, slots=True)
class Order:
    """An order of runs, by one field of their records.

    ``field`` is ``name``, ``description``, ``user`` or ``ended``; or ``tags``, ``properties`` or
    ``system``, of which ``key`` says which. Texts compare as the tracker compares them. Runs that
    lack the field come last, also where it is ``descending``; of runs alike, the newest is first.
    """

    field: str
    key: str | None = None
    descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """Which runs to find: those of the experiments that meet every condition.

    None means all experiments that are not archived.

    ``limit`` is a hint that no more runs than these will be read; 0 means no hint. An ``order`` is
    the one in which they come, in place of newest first.

    ``fields`` is a hint that no more than these will be read of the records: attributes, or one
    entry of a map as ``tags.KEY``, those of the conditions among them. What else a record has but
    its id, experiment and creation may be left out then; None means no hint.
    """

    experiment_ids: Sequence[str] | None = None
    conditions: Sequence[Condition] = ()
    limit: int = 0
    order: Order | None = None
    fields: frozenset[str] | None = None
