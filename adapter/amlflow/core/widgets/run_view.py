"""Reads what RunDetails shows: a run and its children at one moment."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import islice
from typing import Any

from amlflow.core.runs.base import display_id, record_of
from amlflow.core.runs.run import Run
from amlflow.spec import FINAL

MAX_CHILDREN = 50
"""How many children are shown. The view names the number of the others."""
MAX_CHARTS = 12
MAX_COLUMNS = 6
MAX_LINES = 10
"""How many runs one chart shows."""
MAX_POINTS = 300
"""How many points a line has. From a longer metric, equally spaced points are drawn."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A row of the table. The run itself is the first row, and its children follow, newest first.

    ``numbers`` are the metrics that were logged only once, by name.
    """

    id: str
    name: str
    link: str
    status: str
    started: datetime | None
    ended: datetime | None
    numbers: Mapping[str, float]

    def seconds(self) -> float | None:
        """The run's duration up to its end or to now; None if it has not started."""
        if self.started is None:
            return None
        return ((self.ended or datetime.now(timezone.utc)) - self.started).total_seconds()


@dataclass(frozen=True, slots=True)
class Line:
    """The values of one metric of one run, in the order in which they were logged."""

    run: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RunView:
    """The rows of the table, the lines of each metric's chart, and the number of other children."""

    rows: tuple[RunRow, ...]
    charts: Mapping[str, tuple[Line, ...]] = field(default_factory=dict)
    left_out: int = 0

    @property
    def is_final(self) -> bool:
        """Whether the run itself has ended."""
        return self.rows[0].status in FINAL

    def columns(self) -> list[str]:
        """The metrics that the table shows."""
        names = dict.fromkeys(name for row in self.rows for name in row.numbers)
        return list(names)[:MAX_COLUMNS]


def read_view(run: Run) -> RunView:
    """Ask the tracker for the run, its children at any depth, and their metrics."""
    run.get_status()
    children = run.get_children(recursive=True)
    runs = [run, *islice(children, MAX_CHILDREN)]
    left_out = sum(1 for _ in children)
    metrics = {one.id: one.get_metrics() for one in runs}
    charts: dict[str, list[Line]] = {}
    rows = []
    for one in runs:
        numbers = {}
        for name, values in _numeric(metrics[one.id]):
            if len(values) == 1:
                numbers[name] = values[0]
            elif len(charts) < MAX_CHARTS or name in charts:
                charts.setdefault(name, []).append(Line(_name_of(one), _thin_out(values)))
        rows.append(_row_of(one, numbers))
    lines = {name: tuple(chart[:MAX_LINES]) for name, chart in charts.items()}
    return RunView(tuple(rows), lines, left_out)


def _row_of(run: Run, numbers: Mapping[str, float]) -> RunRow:
    record = record_of(run)
    return RunRow(
        id=display_id(record),
        name=_name_of(run),
        link=run.get_portal_url(),
        status=record.status,
        started=record.started,
        ended=record.ended,
        numbers=numbers,
    )


def _name_of(run: Run) -> str:
    return run.display_name or run.id


def _numeric(metrics: Mapping[str, Any]) -> Iterator[tuple[str, list[float]]]:
    """Yield each metric of finite numbers, and each such column of rows and tables, with values."""
    for name, value in metrics.items():
        columns = value.items() if isinstance(value, Mapping) else ((None, value),)
        for column, content in columns:
            values = content if isinstance(content, list) else [content]
            numbers = [float(number) for number in values if _is_number(number)]
            if numbers:
                yield (name if column is None else f"{name}.{column}"), numbers


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def _thin_out(values: list[float]) -> tuple[float, ...]:
    if len(values) <= MAX_POINTS:
        return tuple(values)
    last = len(values) - 1
    return tuple(values[last * index // (MAX_POINTS - 1)] for index in range(MAX_POINTS))
