"""The last, smallest, largest and first numbers of metrics, from MLflow's tables or answers.

MLflow stores an infinity as the largest double, and NaN as a mark beside the number 0.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import copysign, inf, isnan, nan
from typing import Any

from amlflow.metric_numbers import summarize
from amlflow.spec import METRIC_FIELDS, Order, RunQuery, RunRecord
from amlflow.tracker_data import read_number

from amlflow_mlflow.entities import Row
from amlflow_mlflow.spelling import from_key

LARGEST = sys.float_info.max

Names = Mapping[str, Collection[str] | None]
"""The names of metrics to read, by field; None for all."""
MetricNumbers = Mapping[str, Mapping[str, float]]
"""Numbers of metrics, by field and name."""


def to_stored(value: float) -> float:
    """Turn a number that is not NaN into the one that MLflow stores."""
    return max(-LARGEST, min(LARGEST, value))


def from_stored(value: float, is_nan: object = False) -> float:
    """Turn a number that MLflow has stored into the one that was logged."""
    if is_nan or isnan(value):
        return nan
    return copysign(inf, value) if abs(value) >= LARGEST else value


def metrics_of(query: RunQuery, by: Order | None = None) -> dict[str, set[str] | None]:
    """Return the metrics in a query's fields and conditions, and in an order, by field."""
    names: dict[str, set[str] | None] = {}
    fields = [field.partition(".") for field in query.fields or ()]
    entries = [(field, name if dot else None) for field, dot, name in fields]
    entries += [(condition.field, condition.key) for condition in query.conditions]
    entries += [(by.field, by.key)] if by is not None else []
    for field, name in entries:
        if field not in METRIC_FIELDS:
            continue
        known = names.setdefault(field, set())
        if name is None:
            names[field] = None
        elif known is not None:
            known.add(name)
    return names


def add_numbers(run: RunRecord, numbers: MetricNumbers) -> RunRecord:
    """Return the run with these numbers."""
    changes: dict[str, Any] = {
        field: dict(sorted(values.items())) for field, values in numbers.items()
    }
    return replace(run, **changes)


def from_answer(metrics: Mapping[str, float], names: Collection[str] | None) -> dict[str, float]:
    """Read the last numbers from those that MLflow returns with a run."""
    numbers = {from_key(key): from_stored(value) for key, value in metrics.items()}
    return {key: value for key, value in numbers.items() if names is None or key in names}


def from_history(rows: Sequence[Row]) -> dict[str, float]:
    """Compute the numbers of one metric, by field, from all of its points."""
    ordered = sorted(rows, key=lambda row: (row.step, row.timestamp))
    return summarize([from_stored(row.value) for row in ordered])


def move_nan_to_end(runs: Iterable[RunRecord], order: Order) -> Iterator[RunRecord]:
    """Move runs whose last number is NaN to those without the metric. MLflow sorts them before."""
    lacking: list[RunRecord] = []
    for run in runs:
        if isnan(run.metrics.get(order.key or "", nan)):
            lacking.append(run)
        else:
            yield run
    yield from sorted(lacking, key=lambda run: (-run.created.timestamp(), run.id))


def by_name(rows: Iterable[Sequence[object]]) -> dict[str, dict[str, float]]:
    """Turn rows (run's id, key, number, whether it is NaN) into numbers by run and name."""
    numbers: dict[str, dict[str, float]] = {}
    for run_id, key, value, is_nan in rows:
        number = read_number(str(run_id), str(key), value)
        if number is not None:
            numbers.setdefault(str(run_id), {})[from_key(str(key))] = from_stored(number, is_nan)
    return numbers
