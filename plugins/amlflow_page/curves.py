"""Curves of metrics for charts, reduced to as many points as a chart can show."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from amlflow.spec import Point, Tracker

from amlflow_page.filters import number_of, some_texts_of
from amlflow_page.run_details import is_number

MAX_RUNS = 50
MAX_NAMES = 20
MIN_POINTS, POINTS, MAX_POINTS = 4, 500, 2000
"""Of one curve; :data:`POINTS` unless the request says another number."""


def check_request(request: Mapping[str, Any]) -> tuple[list[str], list[str], int]:
    """The runs' ids, the metrics' names and the points of each curve that a request wants.

    Raises :class:`amlflow_page.filters.WrongRequest`.
    """
    return (
        some_texts_of(request, "run_ids", MAX_RUNS),
        some_texts_of(request, "names", MAX_NAMES),
        number_of(request, "points", POINTS, MIN_POINTS, MAX_POINTS),
    )


def curves(
    tracker: Tracker, run_ids: Sequence[str], names: Sequence[str], points: int
) -> list[dict[str, Any]]:
    """Each run's curve of each metric that has numbers.

    A curve has ``run_id``, ``name``, ``count`` (of the values that were logged), and the lists
    ``steps``, ``times`` (seconds since 1970) and ``values``.
    """
    found = []
    for run_id in run_ids:
        by_name: dict[str, list[Point]] = {name: [] for name in names}
        for point in tracker.read_points(run_id, names):
            if is_number(point) and point.name in by_name:
                by_name[point.name].append(point)
        found += [
            {"run_id": run_id, "name": name, "count": len(group), **_sample(group, points)}
            for name, group in by_name.items()
            if group
        ]
    return found


def _sample(group: Sequence[Point], points: int) -> dict[str, list[Any]]:
    ordered = sorted(group, key=lambda point: (point.position, point.time))
    values = np.array([float(point.value) for point in ordered])
    chosen = [ordered[index] for index in sample(values, points)]
    return {
        "steps": [point.position for point in chosen],
        "times": [point.time.timestamp() for point in chosen],
        "values": [float(point.value) for point in chosen],
    }


def sample(values: np.ndarray[Any, Any], points: int) -> list[int]:
    """The places of at most so many values: the first, the last, and the extremes between.

    The values are divided into stretches of equal length, of which the smallest and the largest
    are taken, so no peak is lost. What is not a number is taken only where a stretch has no other.
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
