"""Writes the rows of a project's tables from which trackio's page shows a run.

Each row that amlflow writes has a ``log_id`` with amlflow's prefix, and no two rows have the same.
So a row is stored once, however often it is written. The prefix distinguishes it from rows that
trackio's own client logs to the same run.
"""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from amlflow.spec import Kind, Point, RunRecord
from amlflow.times import to_microseconds

from amlflow_trackio.run_config import merge_config

OURS = "amlflow-"
"""The prefix of the ``log_id`` of amlflow's rows."""
RENAMED = frozenset({"project", "run", "timestamp", "step", "time", "metrics"})
"""trackio's own columns. Like trackio, amlflow puts two underscores before metrics so named."""
TABLES = ("metrics", "configs", "system_metrics")
EXACT_INT = 2**53
STEPS = range(-(2**63), 2**63)

Row = tuple[int, dict[str, Any]]
"""A step, and the values that were logged at it, by name."""


def draw_run(connection: sqlite3.Connection, run: RunRecord, renamed: bool = False) -> None:
    """Write a run's name and config. The config has all that trackio has no other place for."""
    row = connection.execute(
        "SELECT run_name, config FROM project.configs WHERE run_id = ?", (run.id,)
    ).fetchone()
    # A user may have renamed the run in trackio's page, and trackio's client may have stored a
    # config.
    name = run.name if row is None or renamed else row[0]
    config = merge_config(run, None if row is None else row[1])
    created = run.created.isoformat()
    connection.execute(
        "INSERT OR REPLACE INTO project.configs (run_id, run_name, config, created_at)"
        " VALUES (?, ?, ?, ?)",
        (run.id, name, _json(config), created),
    )
    # trackio only shows runs with a row in this table.
    connection.execute(
        "INSERT OR IGNORE INTO project.metrics (timestamp, run_id, run_name, step, metrics, log_id)"
        " VALUES (?, ?, ?, 0, ?, ?)",
        (created, run.id, name, _json({}), OURS + run.id),
    )
    if renamed:
        for table in TABLES:
            connection.execute(
                f"UPDATE project.{table} SET run_name = ? WHERE run_id = ?",  # noqa: S608
                (name, run.id),
            )


def draw_points(
    connection: sqlite3.Connection,
    run_id: str,
    run_name: str,
    points: Iterable[Point],
    place_image: Callable[[Point, str], str | None],
) -> None:
    """Write the rows of points.

    ``place_image`` puts a point's image into trackio's folder of images, and returns its path
    there; None if the run does not have the image.
    """
    rows = []
    for point in points:
        identity = _identity(run_id, point)
        for number, (step, metrics) in enumerate(_draw_point(point, identity, place_image)):
            if step in STEPS:
                time = point.time.isoformat(timespec="microseconds")
                log_id = f"{OURS}{identity}-{number}"
                rows.append((time, run_id, run_name, step, _json(metrics), log_id))
    connection.executemany(
        "INSERT OR IGNORE INTO project.metrics (timestamp, run_id, run_name, step, metrics, log_id)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        rows,
    )


def _identity(run_id: str, point: Point) -> str:
    key_parts = [run_id, point.writer, point.name, point.position, to_microseconds(point.time)]
    return hashlib.sha256(_json(key_parts)).hexdigest()[:32]


def _draw_point(
    point: Point, identity: str, place_image: Callable[[Point, str], str | None]
) -> Iterator[Row]:
    """Yield the rows for numbers, images and tables. trackio cannot show other points."""
    step, value = point.position, point.value
    name = f"__{point.name}" if point.name in RENAMED else point.name
    if point.kind is Kind.SCALAR:
        number = _number(value)
        if number is not None:
            yield step, {name: number}
    elif point.kind is Kind.LIST:
        for index, number in enumerate(map(_number, value)):
            if number is not None:
                yield step + index, {name: number}
    elif point.kind is Kind.ROW:
        numbers = {f"{name}/{column}": _number(cell) for column, cell in value.items()}
        numbers = {column: number for column, number in numbers.items() if number is not None}
        if numbers:
            yield step, numbers
    elif point.kind is Kind.TABLE:
        columns = {column: [_cell(cell) for cell in cells] for column, cells in value.items()}
        cells = [
            dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
        ]
        yield step, {name: {"_type": "trackio.table", "_value": cells}}
    elif point.kind is Kind.IMAGE:
        path = place_image(point, identity)
        if path is not None:
            image = {"_type": "trackio.image", "file_path": path, "caption": value}
            yield step, {name: image}


def _number(value: Any) -> int | float | str | None:
    """Return a number in trackio's form. None if it is not a number, or is too large."""
    if isinstance(value, int):
        if abs(value) <= EXACT_INT:
            return int(value)  # trackio's charts leave out True and False
        try:
            return float(value)
        except OverflowError:
            return None
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return value
    return None


def _cell(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    number = _number(value)
    return str(value) if number is None else number


def _json(value: Any) -> bytes:
    # Without spaces, as trackio looks for the bytes `"_type":"trackio.image"`.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
