"""Tests of values that are hard to store, in each kind of metric."""

from __future__ import annotations

from typing import Any

import pytest

from amlflow.spec import Kind, RunRecord, Tracker
from amlflow.testing.suites.base import SuiteBase, new_point, refuses, write_accepted

VALUES: list[Any] = [
    True, False, None, "", "text", "1", "1.0", "true", "null", "nan", "[1]", '{"a": 1}',
    0, 1, -1, 2**31, -(2**31) - 1, 2**53 - 1, 2**53 + 1, -(2**53) - 1, 2**63 - 1, 2**63, -(2**63),
    2**64 - 1, 10**18 + 1, 10**30 + 7,
    0.0, -0.0, 1.0, -1.0, 100.0, 1e16, 2.0**53, 2.0**63, 0.1, 0.1 + 0.2, 1 / 3, 1e-5, 1e100, 1e308,
    1.7976931348623157e308, 5e-324, 2.2250738585072014e-308,
    float("nan"), float("inf"), float("-inf"),
]  # fmt: skip
"""Numbers at the limits of what 32 bits, 64 bits and floats hold, and texts that look like them."""


def with_types(value: Any) -> Any:
    """Return a form of a value in which 1, 1.0 and True differ, and NaN equals NaN."""
    if isinstance(value, list):
        return [with_types(item) for item in value]
    if isinstance(value, dict):
        return {key: with_types(item) for key, item in value.items()}
    return type(value).__name__, repr(value)


class ValueTests(SuiteBase):
    """Tests of how a tracker keeps values."""

    @pytest.mark.thorough
    @pytest.mark.parametrize("kind", [Kind.SCALAR, Kind.LIST, Kind.ROW, Kind.TABLE])
    def test_hard_values(self, tracker: Tracker, run: RunRecord, kind: Kind) -> None:
        """
        read_points: Values keep their types: bool, int, float (also NaN and infinities), str, None.
        Kind: The kind of a metric, in v1's words; it decides the type of Point.value.
        """
        makers: dict[Kind, Any] = {
            Kind.SCALAR: lambda value: value,
            Kind.LIST: lambda value: [value],
            Kind.ROW: lambda value: {"a": value},
            Kind.TABLE: lambda value: {"a": [value, value], "b": [value, 1]},
        }
        whole: dict[Kind, Any] = {
            Kind.LIST: list(VALUES),
            Kind.ROW: {f"column {n}": value for n, value in enumerate(VALUES)},
            Kind.TABLE: {"all": list(VALUES), "turned": VALUES[::-1], "one": [1.5] * len(VALUES)},
        }
        values = [makers[kind](value) for value in VALUES]
        if kind in whole:
            values += [whole[kind], type(whole[kind])()]
        points = [
            new_point("m", value, kind=kind, order=order) for order, value in enumerate(values)
        ]
        expected = write_accepted(lambda some: tracker.write_points(run.id, some), points)
        stored = {point.position: point for point in tracker.read_points(run.id)}
        different = [
            (point.value, stored.get(point.order) and stored[point.order].value)
            for point in expected
            if point.order not in stored
            or with_types(stored[point.order].value) != with_types(point.value)
        ]
        # Kind: The kind of a metric
        assert {point.kind for point in stored.values()} <= {kind}
        # read_points: Values keep their types
        assert not different, f"{len(different)} come back changed: {str(different[0])[:300]}"
        assert len(stored) == len(expected)
        # A tracker may refuse values that its database cannot hold, but not common ones.
        assert len(expected) >= len(points) - 8

    def test_no_points(self, tracker: Tracker, run: RunRecord) -> None:
        """write_points: Store points, each identity once."""
        tracker.write_points(run.id, [])
        assert tracker.read_points(run.id) == []

    def test_values_are_of_their_moment(self, tracker: Tracker, run: RunRecord) -> None:
        """
        page: Methods must not keep references to their arguments; returned objects must not change
            later.
        """
        values: list[Any] = [[1.0], {"a": [1.0, 2.0]}, {"a": 1.0}]
        kinds = [Kind.LIST, Kind.TABLE, Kind.ROW]
        tracker.write_points(
            run.id,
            [
                new_point("m", value, kind=kind, order=n)
                for n, (value, kind) in enumerate(zip(values, kinds, strict=True))
            ],
        )
        for _ in range(2):
            values[0].append(9.0)
            values[1]["a"].append(9.0)
            values[2]["b"] = 9.0
            values = [point.value for point in tracker.read_points(run.id)]
            assert values == [[1.0], {"a": [1.0, 2.0]}, {"a": 1.0}]

    def test_steps_at_the_limits(self, tracker: Tracker, run: RunRecord) -> None:
        """
        Point: position (the step, or order without a step), writer, name and time identify the
            point: a tracker stores it once, however often it is sent.
        Refused: The tracker does not accept this value; sending it again does not help.
        """
        steps = [0, 1, -1, 2**31, -(2**31) - 1, 2**53 + 1, 2**62, 2**63 - 1, -(2**63), 2**63, 2**70]
        points = [new_point("m", float(n), step=step, order=n) for n, step in enumerate(steps)]
        expected = write_accepted(lambda some: tracker.write_points(run.id, some), points)
        # Point: position (the step
        stored = {point.value: point.position for point in tracker.read_points(run.id)}
        assert stored == {point.value: point.step for point in expected}
        assert {0, 1, -1, 2**53 + 1} <= set(stored.values())
        tracker.write_points(run.id, expected)
        assert len(tracker.read_points(run.id)) == len(expected)
        # Refused: The tracker does not accept
        for step in set(steps) - set(stored.values()):
            assert refuses(tracker.write_points, run.id, [new_point("again", 1.0, step=step)])
