"""Which runs to find, and in which order."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isnan
from typing import Any

from amlflow.spec.records import ExperimentRecord, ModelRecord, RunRecord


class Op(str, enum.Enum):
    """How a condition compares. All operators but NE and LACKS are false if the field is absent."""

    EQ = "="
    NE = "!="
    HAS = "has"  # the key is there, whatever its value
    LACKS = "lacks"
    STARTS_WITH = "starts with"
    CONTAINS = "contains"
    GE = ">="
    LE = "<="
    GT = ">"  # this and LT are for METRIC_FIELDS alone, and come with the feature METRICS
    LT = "<"


@dataclass(frozen=True, slots=True)
class Condition:
    """A test of one field of a run's, an experiment's or a model's record.

    ``field`` is the name of an attribute; for ``tags``, ``properties``, ``params`` and a model's
    ``system``, ``key`` is the key in it. ``value`` is a text, or a datetime for ``created``,
    ``started`` and ``ended``.

    With the feature ``METRICS``, ``field`` may also be one of :data:`METRIC_FIELDS` with the
    metric's name as ``key`` and a float as ``value``. A NaN counts as absent.
    """

    field: str
    op: Op
    value: str | datetime | float | None = None
    key: str | None = None

    def holds(self, record: RunRecord | ExperimentRecord | ModelRecord) -> bool:
        """Whether the record meets the condition, exactly.

        A tracker may call it, or use a faster way.
        """
        actual: Any = getattr(record, self.field)
        if self.key is not None:
            present = self.key in actual
            actual = actual.get(self.key)
            if isinstance(actual, float) and isnan(actual):
                present, actual = False, None
        else:
            present = actual is not None
        if self.op is Op.HAS:
            return present
        if self.op is Op.LACKS:
            return not present
        if self.op is Op.EQ:
            return present and bool(actual == self.value)
        if self.op is Op.NE:
            return not present or bool(actual != self.value)
        if actual is None or self.value is None:
            return False
        if self.op is Op.STARTS_WITH:
            return str(actual).startswith(str(self.value))
        if self.op is Op.CONTAINS:
            return str(self.value) in actual
        if self.op is Op.GE:
            return bool(actual >= self.value)
        if self.op is Op.GT:
            return bool(actual > self.value)
        if self.op is Op.LT:
            return bool(actual < self.value)
        return bool(actual <= self.value)


@dataclass(frozen=True, slots=True)
class Order:
    """An order of runs by one field of their records.

    ``field`` is ``name``, ``description``, ``user`` or ``ended``; or ``tags``, ``properties`` or
    ``system`` with a ``key``. Texts are compared as the tracker compares them. Runs without the
    field come last, also with ``descending``; runs with equal values come newest first.

    With the feature ``METRICS``, ``field`` may also be ``created`` or ``duration`` (from start to
    end), or ``params`` or one of :data:`METRIC_FIELDS` with a ``key``, whether the tracker claims
    ``ORDER`` or not. A run whose number is NaN lacks it.
    """

    field: str
    key: str | None = None
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """A place in an :class:`Order`: that of a run with this value, creation time and id.

    ``value`` is what the order compares: a text, a number (the seconds of ``duration``), a
    datetime, or None for a run without the field.
    """

    value: str | float | datetime | None
    created: datetime
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """Which runs to find: those of the experiments that meet all conditions.

    If ``experiment_ids`` is None, all experiments that are not archived are searched.

    ``limit`` is a hint that at most this many runs will be read; 0 means no hint. With ``order``,
    runs come in that order instead of newest first.

    ``fields`` is a hint that only these fields of the records will be read, or None: attributes, or
    one entry of a map as ``tags.KEY``, including the fields of the conditions. All other fields of
    a record may then be missing, except its id, experiment and creation time. With the feature
    ``METRICS``, they may also name fields of :data:`METRIC_FIELDS`, or ``metrics.NAME`` for a
    single metric.

    ``place`` is a hint that the runs before this place in ``order`` will not be read: they may be
    missing. The run at the place and all runs after it are returned.
    """

    experiment_ids: Sequence[str] | None = None
    conditions: Sequence[Condition] = ()
    limit: int = 0
    order: Order | None = None
    fields: frozenset[str] | None = None
    place: Place | None = None
