"""Reads and writes the points of metrics, and the latest point of each, in MLflow's tables."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Sequence

from amlflow_mlflow.entities import MetricPoint, Row
from amlflow_mlflow.metric_numbers import to_stored
from amlflow_mlflow.typed_columns import type_rows

_ADD = (
    "INSERT INTO metrics (key, value, timestamp, step, is_nan, run_uuid)"
    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_SET_LATEST = (
    "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value,"
    " timestamp = excluded.timestamp, step = excluded.step, is_nan = excluded.is_nan"
    " WHERE (excluded.step, excluded.timestamp, excluded.value) > (step, timestamp, value)"
)
_HISTORIES = "SELECT key, timestamp, step, value, is_nan FROM metrics WHERE run_uuid = ?"
# A range, since for one key SQLite would read the points that all runs have of it.
_OF_KEY = " AND key BETWEEN ?2 AND ?2"
_IN_ORDER = " ORDER BY timestamp, step, value"

_Stored = tuple[str, float, int, int, bool, str]
"""A row of ``metrics``: key, value, time, step, whether it is NaN, run."""


def write_points(
    connection: sqlite3.Connection, run_id: str, points: Iterable[MetricPoint]
) -> None:
    """Store points that are not stored yet. A metric's latest point is that of the largest step."""
    rows = [_to_row(run_id, point) for point in points]
    connection.executemany(_ADD, rows)
    latest: dict[str, _Stored] = {}
    for row in rows:
        before = latest.get(row[0])
        if before is None or _order(row) > _order(before):
            latest[row[0]] = row
    connection.executemany(_SET_LATEST, latest.values())


def _to_row(run_id: str, point: MetricPoint) -> _Stored:
    value = float(point.value)
    is_nan = math.isnan(value)
    stored = 0.0 if is_nan else to_stored(value)
    return point.key, stored, point.timestamp, point.step, is_nan, run_id


def _order(row: _Stored) -> tuple[int, int, float]:
    _, value, time, step, _, _ = row
    return step, time, value


def read_points(
    connection: sqlite3.Connection, run_id: str, keys: Sequence[str]
) -> dict[str, list[Row]]:
    """Return the points of some of a run's metrics, sorted in each metric."""
    histories: dict[str, list[Row]] = {key: [] for key in keys}
    statement, values = f"{_HISTORIES}{_IN_ORDER}", [run_id]
    if len(keys) == 1:
        statement, values = f"{_HISTORIES}{_OF_KEY}{_IN_ORDER}", [run_id, keys[0]]
    for key, row in type_rows(run_id, connection.execute(statement, values)):
        if key in histories:
            histories[key].append(row)
    return histories
