"""Curves of metrics for charts, reduced to as many points as a chart can show."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from amlflow.spec import Point, Tracker
from amlflow.tracker_data import show_value

from amlflow_page.filters import WrongRequest, number_of, some_texts_of
from amlflow_page.run_details import is_number

MAX_RUNS = 50
MAX_NAMES = 20
MIN_POINTS, POINTS, MAX_POINTS = 4, 500, 2000
"""The points of one curve: the fewest, the default and the most that a request may ask for."""


AXES = ("step", "time")
"""What the x axis of a chart is: steps, or seconds since the curve's first value."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The curves that a request asks for: runs, metrics and the number of points of each.

    Only the part of each curve from ``low`` to ``high`` on the ``axis`` is wanted.
    """

    run_ids: Sequence[str]
    names: Sequence[str]
    points: int = POINTS
    axis: str = AXES[0]
    low: float = -math.inf
    high: float = math.inf

    @staticmethod
    def from_request(request: Mapping[str, Any]) -> Wanted:
        """Parse a request. Raises :class:`amlflow_page.filters.WrongRequest`."""
        axis = request.get("axis", AXES[0])
        if axis not in AXES:
            raise WrongRequest(f"'axis' is one of {', '.join(AXES)}, and not {show_value(axis)}.")
        return Wanted(
            some_texts_of(request, "run_ids", MAX_RUNS),
            some_texts_of(request, "names", MAX_NAMES),
            number_of(request, "points", POINTS, MIN_POINTS, MAX_POINTS),
            axis,
            _edge(request, "low", -math.inf),
            _edge(request, "high", math.inf),
        )


def curves(tracker: Tracker, wanted: Wanted) -> list[dict[str, Any]]:
    """Return a curve for each run and each metric that has numbers.

    A curve has ``run_id``, ``name``, ``count`` (the number of logged values), ``start`` (the time
    of the first value), and the lists ``steps``, ``times`` and ``values``. Times are in seconds
    since 1970.
    """
    found = []
    for run_id in wanted.run_ids:
        by_name: dict[str, list[Point]] = {name: [] for name in wanted.names}
        for point in tracker.read_points(run_id, wanted.names):
            if is_number(point) and point.name in by_name:
                by_name[point.name].append(point)
        found += [
            {"run_id": run_id, "name": name, "count": len(group), **_sample(group, wanted)}
            for name, group in by_name.items()
            if group
        ]
    return found


def metric_names(tracker: Tracker, request: Mapping[str, Any]) -> list[str]:
    """Return the names of metrics with numbers that the runs ``run_ids`` have.

    A metric that more runs have comes first. Among equal ones, a metric that has a curve in more
    runs, so more than one value, comes first. Only the first ``enough`` runs are read, and the
    others if these have no metrics. Raises :class:`amlflow_page.filters.WrongRequest`.
    """
    run_ids = some_texts_of(request, "run_ids", MAX_RUNS)
    enough = number_of(request, "enough", MAX_RUNS, 1, MAX_RUNS)
    for some in (run_ids[:enough], run_ids[enough:]):
        runs, with_curve = Counter[str](), Counter[str]()
        for run_id in some:
            values = Counter(
                point.name for point in tracker.read_points(run_id) if is_number(point)
            )
            runs.update(values.keys())
            with_curve.update(name for name, count in values.items() if count > 1)
        if runs:
            return sorted(runs, key=lambda name: (-runs[name], -with_curve[name], name))
    return []


def _edge(request: Mapping[str, Any], key: str, default: float) -> float:
    value = request.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongRequest(f"{key!r} is a number, and {show_value(value)} is not.")
    return float(value)


def _within(ordered: Sequence[Point], wanted: Wanted) -> list[Point]:
    """Return the wanted part of a curve, with one more point on each side.

    With these two points, the drawn line leads to the edges of the chart.
    """
    start = ordered[0].time
    places = [
        point.position if wanted.axis == "step" else (point.time - start).total_seconds()
        for point in ordered
    ]
    inside = [index for index, place in enumerate(places) if wanted.low <= place <= wanted.high]
    if not inside:
        return []
    return list(ordered[max(0, inside[0] - 1) : inside[-1] + 2])


def _sample(group: Sequence[Point], wanted: Wanted) -> dict[str, Any]:
    whole = sorted(group, key=lambda point: (point.position, point.time))
    start, ordered, points = whole[0].time.timestamp(), _within(whole, wanted), wanted.points
    values = np.array([float(point.value) for point in ordered])
    chosen = [ordered[index] for index in sample(values, points)]
    return {
        "start": start,
        "steps": [point.position for point in chosen],
        "times": [point.time.timestamp() for point in chosen],
        "values": [float(point.value) for point in chosen],
    }


def sample(values: np.ndarray[Any, Any], points: int) -> list[int]:
    """Return the indexes of at most ``points`` values: the first, the last, and the extremes.

    The values are divided into stretches of equal length. The smallest and the largest value of
    each stretch are chosen, so no peak is lost. NaN is chosen only in a stretch without numbers.
    """
    if len(values) <= points:
        return list(range(len(values)))
    places = {0, len(values) - 1}
    edges = np.linspace(1, len(values) - 1, (points - 2) // 2 + 1).astype(int)
    for start, end in itertools.pairwise(edges):
        stretch = values[start:end]
        if len(stretch) == 0 or np.isnan(stretch).all():
            places.update([int(start)] if len(stretch) else [])
            continue
        places.update((int(start + np.nanargmin(stretch)), int(start + np.nanargmax(stretch))))
    return sorted(places)
