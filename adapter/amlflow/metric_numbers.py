"""The numbers of a run's metrics: the last, smallest, largest and first value of each metric."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isnan
from typing import Any

from amlflow.spec import METRIC_FIELDS, Kind, Order, Place, Point, RunQuery, RunRecord

ORDERS = frozenset({"created", "duration", "params", *METRIC_FIELDS})
"""The fields for sorting runs that need the feature ``METRICS``."""
TIMES = frozenset({"created", "ended"})
NUMBERS = frozenset({"duration", *METRIC_FIELDS})
"""The fields for sorting runs whose values are times, and numbers. Those of others are texts."""
MAX_INTEGER = 10**300
"""Whole numbers of this size or more are left out, because a tracker cannot show them in charts."""


def add_metrics(run: RunRecord, points: Iterable[Point]) -> RunRecord:
    """Return the run with the numbers of its points in the fields of ``RunRecord`` for metrics."""
    numbers: dict[str, list[tuple[int, Any, float]]] = {}
    for point in points:
        for name, position, value in _numbers_of(point):
            numbers.setdefault(name, []).append((position, point.time, value))
    fields: dict[str, dict[str, float]] = {field: {} for field in METRIC_FIELDS}
    for name in sorted(numbers):
        ordered = sorted(numbers[name], key=lambda number: number[:2])
        for field, number in summarize([value for *_, value in ordered]).items():
            fields[field][name] = number
    changes: dict[str, Any] = {**fields}
    return dataclasses.replace(run, **changes)


def summarize(values: Sequence[float]) -> dict[str, float]:
    """Return the numbers of one metric by field. ``values`` are all its values in order."""
    numbers = {"metrics": values[-1], "metrics_first": values[0]} if values else {}
    comparable = [value for value in values if not isnan(value)]
    if comparable:
        numbers.update(metrics_min=min(comparable), metrics_max=max(comparable))
    return numbers


def _numbers_of(point: Point) -> Iterator[tuple[str, int, float]]:
    """Yield the name, position and value of each number of a point."""
    value, name = point.value, point.name
    cells: Iterable[tuple[str, int, Any]] = ()
    if point.kind is Kind.SCALAR:
        cells = [(name, point.position, value)]
    elif point.kind is Kind.LIST:
        cells = [(name, index, cell) for index, cell in enumerate(value)]
    elif point.kind is Kind.ROW:
        cells = [(f"{name}.{column}", point.order, cell) for column, cell in value.items()]
    elif point.kind is Kind.TABLE:
        cells = [
            (f"{name}.{column}", index, cell)
            for column, column_cells in value.items()
            for index, cell in enumerate(column_cells)
        ]
    for cell_name, position, cell in cells:
        is_huge = isinstance(cell, int) and abs(cell) >= MAX_INTEGER
        if isinstance(cell, (bool, int, float)) and not is_huge:
            yield cell_name, position, float(cell)


def is_metric(field: str) -> bool:
    """Whether a field is one of metrics, in the form of :attr:`amlflow.spec.RunQuery.fields`."""
    return field.partition(".")[0] in METRIC_FIELDS


def names_metrics(query: RunQuery, *fields: str) -> bool:
    """Whether a query or one of the fields names a metric."""
    names = {condition.field for condition in query.conditions} | {*fields, *(query.fields or ())}
    if query.order is not None:
        names.add(query.order.field)
    return any(map(is_metric, names))


def value_of(run: RunRecord, order: Order) -> Any:
    """Return the value of a run that an order compares; None if the run does not have it."""
    if order.field == "duration":
        if run.started is None or run.ended is None:
            return None
        return (run.ended - run.started).total_seconds()
    value = getattr(run, order.field)
    if isinstance(value, Mapping):
        value = value.get(order.key)
    return None if isinstance(value, float) and isnan(value) else value


def sort_runs(runs: Iterable[RunRecord], order: Order) -> list[RunRecord]:
    """Sort runs, which are newest first, as :class:`amlflow.spec.Order` describes."""
    pairs = [(value_of(run, order), run) for run in runs]
    comparable = [pair for pair in pairs if pair[0] is not None]
    comparable.sort(key=lambda pair: pair[0], reverse=order.descending)
    return [run for _, run in comparable] + [run for value, run in pairs if value is None]


def from_place(runs: Iterable[RunRecord], order: Order, place: Place) -> list[RunRecord]:
    """Return the runs from a place on. They are sorted as :func:`sort_runs` does."""

    def is_before(run: RunRecord) -> bool:
        value = value_of(run, order)
        if value == place.value:
            if run.created != place.created:
                return run.created > place.created
            return run.id < place.run_id
        if value is None or place.value is None:
            return place.value is None
        return bool(value > place.value if order.descending else value < place.value)

    return list(itertools.dropwhile(is_before, runs))
