"""The columns by which a list of runs can be sorted, as the studio and ``--order-by`` name them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from math import isnan
from typing import Any

from amlflow.exceptions import UserErrorException
from amlflow.spec import Order, RunRecord
from amlflow.tracker_notes import parse_target

METRICS = {
    "metric": "metrics",
    "metric_min": "metrics_min",
    "metric_max": "metrics_max",
    "metric_first": "metrics_first",
}
"""The columns of metrics, written ``metric:KEY``, and the fields of records that they show."""
KEYED = {"tag": "tags", "property": "properties", "param": "params", **METRICS}
"""The columns that have a key."""
DEFAULT_TARGET = "sdk"
"""The compute target in the list for runs that were not submitted."""


class UnknownColumn(UserErrorException):
    """Runs cannot be sorted by a column of this name."""


def target(record: RunRecord) -> str:
    """Return the name of a run's compute target."""
    return parse_target(record) or DEFAULT_TARGET


@functools.lru_cache(1000)
def target_named(note: str | None) -> str:
    """Return the name of the compute target in a note that was read without its run."""
    return (
        parse_target.among("", {} if note is None else {parse_target.key: note}) or DEFAULT_TARGET
    )


def duration(record: RunRecord) -> float | None:
    """Return the seconds from start to end; None if the run has not ended."""
    if record.started is None or record.ended is None:
        return None
    return (record.ended - record.started).total_seconds()


def order(sort: str, experiments: Mapping[str, str]) -> Callable[[RunRecord], Any]:
    """Return a function that gets a column's value from a run, to sort runs by it.

    ``sort`` is the name of a column, or a kind of :data:`KEYED` with a key, such as ``tag:stage``.

    Raises :class:`UnknownColumn` if the column does not exist.
    """
    kind, _, key = sort.partition(":")
    by: dict[str, Callable[[RunRecord], Any]] = {
        "created": lambda record: record.created.timestamp(),
        "ended": lambda record: record.ended and record.ended.timestamp(),
        "duration": duration,
        "name": lambda record: _fold(record.name),
        "experiment": lambda record: _fold(experiments.get(record.experiment_id)),
        "status": lambda record: record.status,
        "target": lambda record: _fold(parse_target(record)),
        "submitter": lambda record: _fold(record.user),
        "description": lambda record: _fold(record.description),
        "tag": lambda record: _fold(record.tags.get(key)),
        "property": lambda record: _fold(record.properties.get(key)),
        "param": lambda record: _fold(record.params.get(key)),
        **{name: functools.partial(_number, field, key) for name, field in METRICS.items()},
    }
    if kind not in by or bool(key) != (kind in KEYED):
        raise UnknownColumn(
            f"{sort!r} is not a column to sort by. The columns are: {', '.join(by)}."
        )
    return by[kind]


def native_order(sort: str, descending: bool) -> Order | None:
    """Return the tracker's order for a column; None if trackers do not sort by it."""
    kind, _, key = sort.partition(":")
    if kind in KEYED:
        return Order(KEYED[kind], key, descending)
    fields = {
        "name": ("name", None),
        "created": ("created", None),
        "duration": ("duration", None),
        "ended": ("ended", None),
        "description": ("description", None),
        "submitter": ("user", None),
        "target": ("system", "target"),
    }
    return Order(*fields[kind], descending) if kind in fields else None


def metric_fields(columns: Iterable[str]) -> frozenset[str]:
    """Return the fields of records that columns of metrics need, as ``metrics.KEY``."""
    parts = [column.partition(":") for column in columns]
    return frozenset(f"{METRICS[kind]}.{key}" for kind, _, key in parts if kind in METRICS and key)


def _number(field: str, key: str, record: RunRecord) -> float | None:
    number: float | None = getattr(record, field).get(key)
    return None if number is None or isnan(number) else number


def _fold(text: str | None) -> str | None:
    return text.casefold() if text else None
