"""Groups runs by a column, and counts each group's runs and sums up their metrics."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan
from typing import Any

from amlflow.query.orders import METRICS
from amlflow.spec import Tracker

from amlflow_page.access import ExperimentAccess
from amlflow_page.all_runs import scope_of
from amlflow_page.filters import (
    Filters,
    WrongRequest,
    choice_of,
    group_column_of,
    text_of,
    texts_of,
)
from amlflow_page.group_rows import Entry, GroupRow, read_group_rows

MAX_GROUPS = 200
"""The most groups that are sent."""
MAX_KEPT = 20_000
"""The most groups that are held in memory while runs are read."""


@dataclass
class Numbers:
    """The count, sum and extremes of a metric's numbers in a group. NaN is not counted."""

    count: int = 0
    total: float = 0.0
    least: float = float("inf")
    largest: float = float("-inf")

    def add(self, number: float) -> None:
        self.count += 1
        self.total += number
        self.least, self.largest = min(self.least, number), max(self.largest, number)

    def as_json(self) -> dict[str, Any]:
        mean = self.total / self.count
        return {"count": self.count, "min": self.least, "mean": mean, "max": self.largest}


@dataclass
class GroupOfRuns:
    """Runs with one value of the column."""

    has: bool
    value: str | None
    count: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, Numbers] = field(default_factory=dict)

    def add(self, row: GroupRow) -> None:
        self.count += 1
        self.statuses[row.status] = self.statuses.get(row.status, 0) + 1
        for column, number in row.numbers.items():
            if number is not None and not isnan(number):
                self.numbers.setdefault(column, Numbers()).add(number)

    def as_json(self) -> dict[str, Any]:
        return {
            "has": self.has,
            "value": self.value,
            "count": self.count,
            "statuses": self.statuses,
            "numbers": {column: numbers.as_json() for column, numbers in self.numbers.items()},
        }


def groups(
    tracker: Tracker, access: ExperimentAccess, request: Mapping[str, Any]
) -> dict[str, Any]:
    """Group the runs that pass the filters by the value of the column ``group``.

    Each group has ``value``, ``has`` (false if its runs have no value), ``count``, ``statuses``
    (the number of runs by status) and ``numbers``: ``count``, ``min``, ``mean`` and ``max`` over
    its runs for each metric among the request's columns.

    The groups are sorted by ``sort`` if that is the grouped column or one of the metrics, whose
    mean then counts. Else the largest group is first. At most :data:`MAX_GROUPS` are sent;
    ``left_out`` has the number of other groups and of their runs.

    Raises:
        QueryError, QueryFailed: the expression does not parse, or fails on a run.
        WrongRequest: the request is not well-formed, or has more than :data:`MAX_KEPT` groups.
        TookTooLong: reading the runs takes too long.
    """
    column = group_column_of(request, "group")
    filters = Filters.from_request(request)
    metrics = _metric_columns(texts_of(request, "columns"))
    scope = scope_of(tracker, access, filters)
    expression = choice_of(request, "grouped")
    scope = replace(scope, metrics=frozenset(metrics.values()))
    by_entry: dict[Entry, GroupOfRuns] = {}
    count = 0
    for row in read_group_rows(scope, filters, expression, column, metrics):
        count += 1
        group = by_entry.get(row.entry)
        if group is None:
            if len(by_entry) == MAX_KEPT:
                raise WrongRequest(
                    f"There are more than {MAX_KEPT:,} groups by {column}. Choose fewer runs, or "
                    "group by another column."
                )
            group = by_entry[row.entry] = GroupOfRuns(*row.entry)
        group.add(row)
    ordered = _sort(by_entry.values(), column, text_of(request, "sort"))
    rest = ordered[MAX_GROUPS:]
    return {
        "groups": [group.as_json() for group in ordered[:MAX_GROUPS]],
        "runs": count,
        "left_out": {"groups": len(rest), "runs": sum(group.count for group in rest)},
    }


def _metric_columns(columns: Sequence[str]) -> dict[str, str]:
    """Return the columns of metrics, each with its field of a record."""
    fields = {}
    for column in columns:
        kind, _, key = column.partition(":")
        if kind in METRICS and key:
            fields[column] = f"{METRICS[kind]}.{key}"
    return fields


def _sort(groups: Any, column: str, sort: str) -> list[GroupOfRuns]:
    """Return the groups in the order of a column; groups without a value are last."""
    name, descending = sort.removeprefix("-"), sort.startswith("-")
    by_size = sorted(groups, key=lambda group: (-group.count, _natural(group.value), group.has))
    if name == column:
        there = [group for group in by_size if group.has]
        there.sort(key=lambda group: _natural(group.value), reverse=descending)
        return there + [group for group in by_size if not group.has]
    if any(name in group.numbers for group in by_size):
        there = [group for group in by_size if name in group.numbers]
        there.sort(
            key=lambda group: group.numbers[name].total / group.numbers[name].count,
            reverse=descending,
        )
        return there + [group for group in by_size if name not in group.numbers]
    return by_size


_DIGITS = re.compile(r"(\d{1,15})")


def _natural(value: str | None) -> list[tuple[bool, int, str]]:
    """Return a sort key that puts "2" before "10"."""
    parts = _DIGITS.split((value or "").casefold()[:200])
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]
