"""The details on a run's page: parent, children, command, environment, data and metrics."""

from __future__ import annotations

import itertools
import math
import shlex
import sys
from collections.abc import Sequence
from typing import Any

from amlflow.core.runs.data_notes import inputs_of, outputs_of
from amlflow.core.runs.descendants import children
from amlflow.core.runs.environment_used import describe_environment
from amlflow.core.runs.metric_values import shapes
from amlflow.query.document import Documents
from amlflow.spec import Kind, Point, RunNotFound, RunRecord, Tracker
from amlflow.tracker_notes import parse_definition

from amlflow_page.access import Access
from amlflow_page.all_runs import row
from amlflow_page.failures import describe

SHORT = ("run_id", "name", "status", "created_utc", "start_time_utc", "end_time_utc")
"""The fields that are shown of a parent or a child."""
MAX_CHILDREN = 200
MAX_METRICS = 1000
MAX_TEXT = 2000
"""The most characters that are sent of a text that was logged as a metric."""
MAX_ROWS = 100
"""The most rows that are sent of a table that was logged."""


def details(tracker: Tracker, access: Access, record: RunRecord) -> dict[str, Any]:
    """Return the run's ``parent``, ``children``, ``failure``, ``command``, data and environment.

    ``more_children`` tells whether there are more children than are sent.
    """
    nested = list(itertools.islice(children(tracker, record), MAX_CHILDREN + 1))
    return {
        "parent": _parent(tracker, access, record),
        "children": [_short(child) for child in nested[:MAX_CHILDREN]],
        "more_children": len(nested) > MAX_CHILDREN,
        "failure": describe(record),
        "command": command(record),
        "environment": describe_environment(tracker, record),
        "inputs": inputs_of(record),
        "outputs": outputs_of(record),
    }


def _short(record: RunRecord) -> dict[str, Any]:
    return row(Documents({}), record, SHORT)


def _parent(tracker: Tracker, access: Access, record: RunRecord) -> dict[str, Any] | None:
    if record.parent_id is None or not access.may_read(record.parent_id):
        return None
    try:
        return _short(tracker.get_run(record.parent_id))
    except RunNotFound:
        return None


def command(record: RunRecord) -> str | None:
    """Return the command that a submitted run started, as a shell takes it; None for other runs."""
    definition = parse_definition(record) or {}
    script, arguments = definition.get("script"), definition.get("arguments")
    words = definition.get("command") or []
    if isinstance(words, str):
        return words
    words = words if isinstance(words, list) else []
    if not words and isinstance(script, str):
        words = ["python", script, *(arguments if isinstance(arguments, list) else [])]
    return shlex.join(map(str, words)) or None


def metrics(tracker: Tracker, run_id: str) -> dict[str, Any]:
    """Return the run's ``metrics``, at most :data:`MAX_METRICS`, and whether there are ``more``.

    Each has ``name``, ``kind`` and ``count``. A metric of numbers also has ``first``, ``last``,
    ``min``, ``max``, and ``step``, which is the step of the last value. Any other metric has
    ``value``: what ``get_metrics`` returns, cut to the limits.
    """
    by_name: dict[str, list[Point]] = {}
    for point in tracker.read_points(run_id):
        by_name.setdefault(point.name, []).append(point)
    names = sorted(by_name)
    return {
        "metrics": [
            {"name": name, **_summary(by_name[name])} for name in names[:MAX_METRICS]
        ],
        "more": len(names) > MAX_METRICS,
    }  # fmt: skip


def _summary(points: Sequence[Point]) -> dict[str, Any]:
    kind = points[-1].kind
    if not all(is_number(point) for point in points):
        [value] = shapes(points, lambda point: point.value).values()
        return {"kind": kind.value, "count": len(points), "value": _cut(value)}
    values = [float(point.value) for point in points]
    comparable = [value for value in values if not math.isnan(value)] or values
    return {
        "kind": kind.value,
        "count": len(points),
        "first": values[0],
        "last": values[-1],
        "min": min(comparable),
        "max": max(comparable),
        "step": points[-1].position,
    }


def is_number(point: Point) -> bool:
    """Return whether a point can be on a curve: true, false or a number that fits into a float."""
    value = point.value
    return point.kind is Kind.SCALAR and (
        isinstance(value, float) or (isinstance(value, int) and abs(value) <= sys.float_info.max)
    )


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value[:MAX_TEXT]
    if isinstance(value, list):
        return [_cut(item) for item in value[:MAX_ROWS]]
    if isinstance(value, dict):
        return {key: _cut(item) for key, item in itertools.islice(value.items(), MAX_ROWS)}
    return value
