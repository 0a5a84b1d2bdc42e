"""Tests of metrics."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from amlflow.spec import (
    TICK,
    ExperimentRecord,
    Kind,
    RunRecord,
    Tracker,
)
from amlflow.testing.suites.base import (
    ALIKE,
    AWKWARD,
    LONG,
    START,
    UTC,
    SuiteBase,
    new_point,
    race,
    refuses,
)


class MetricTests(SuiteBase):
    """Tests of how a tracker keeps metrics."""

    def test_points_come_back(self, tracker: Tracker, run: RunRecord) -> None:
        """
        read_points: Values keep their types: bool, int, float (also NaN and infinities), str, None.
        """
        values: list[Any] = [
            1.5, 0.1 + 0.2, -2.0, 3, -4, 2**60, 2**53 + 1, True, False, "text", "", None,
            float("inf"), float("-inf"), 1e308, 5e-324, 0.0, -0.0, "größer 😀", 10**400,
            "1", "1.0", "nan", "true", "null", "[1]",
        ]  # fmt: skip
        points = [new_point("m", value, order=index) for index, value in enumerate(values)]
        for point in points:
            tracker.write_points(run.id, [point])
        stored_values = [point.value for point in tracker.read_points(run.id)]
        assert [(repr(value), type(value)) for value in stored_values] == [
            (repr(value), type(value)) for value in values
        ]

    def test_nan_comes_back(self, tracker: Tracker, run: RunRecord) -> None:
        """
        read_points: Values keep their types: bool, int, float (also NaN and infinities), str, None.
        """
        tracker.write_points(run.id, [new_point("m", float("nan"))])
        [point] = tracker.read_points(run.id)
        assert point.value != point.value

    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            (Kind.LIST, [1, 2.5, 1.0, "x", "1", None, True, float("inf"), float("nan"), -0.0]),
            (Kind.LIST, []),
            (Kind.LIST, list(range(3000))),
            (Kind.ROW, {"a": 1, "b": 2.5, "größe 😀": "x", "none": None, "nan": float("nan")}),
            (Kind.ROW, {name: index for index, name in enumerate(ALIKE)}),
            (Kind.TABLE, {"a": [1, 2, 3], "b": ["x", None, 2.5], "": [True, False, True]}),
            (Kind.TABLE, {"empty": []}),
            (Kind.TABLE, {"long": [value / 7 for value in range(3000)]}),
            (Kind.IMAGE, "plot_1.png"),
            (Kind.CONFUSION_MATRIX, "matrix.json"),
            (Kind.SCALAR, "long text " * 2000),
        ],
        ids=lambda value: value.name if isinstance(value, Kind) else "value",
    )
    def test_kinds_come_back(
        self, tracker: Tracker, run: RunRecord, kind: Kind, value: Any
    ) -> None:
        """
        Kind: The kind of a metric, in v1's words; it decides the type of Point.value.
        page: It never shortens a text.
        """
        tracker.write_points(run.id, [new_point("m", value, kind=kind)])
        tracker.write_points(run.id, [new_point("m", 1.0, order=1)])
        first, second = tracker.read_points(run.id)
        # Kind: The kind of a metric
        assert first.kind is kind
        if isinstance(value, str):
            # page: It never shortens a text.
            assert len(first.value) == len(value)
        # Kind: The kind of a metric
        assert repr(first.value) == repr(value)
        assert second.value == 1.0

    def test_awkward_metric_names(self, tracker: Tracker, run: RunRecord) -> None:
        """
        page: Keys, names and values can be any text, also an empty one; a tracker raises Refused
            for a text that it cannot store exactly.
        check_name: Raise Refused if no metric can have this name.
        """
        names = [*ALIKE, *AWKWARD]
        points = [new_point(name, float(index)) for index, name in enumerate(names)]
        # page: Keys, names and values can be any text
        tracker.write_points(run.id, points)
        assert {point.name: point.value for point in tracker.read_points(run.id)} == {
            name: float(index) for index, name in enumerate(names)
        }
        # check_name: Raise Refused
        for name in AWKWARD:
            tracker.check_name(name)
        # page: Keys, names and values can be any text
        for index, name in enumerate(names[:10]):
            assert [point.value for point in tracker.read_points(run.id, [name])] == [float(index)]
        assert tracker.read_points(run.id, ["never"]) == []

    def test_names_that_are_hard_to_keep(self, tracker: Tracker, run: RunRecord) -> None:
        """
        page: Keys, names and values can be any text, also an empty one; a tracker raises Refused
            for a text that it cannot store exactly.
        page: It never shortens a text.
        page: A method does everything that its docstring says, or raises one of the contract's
            errors and changes nothing.
        check_name: Raise Refused if no metric can have this name.
        """
        for name in ("", "n" * LONG):
            fine = f"fine {len(name)}"
            # It is in the middle of others, so that the test sees if a part of the call is done.
            batch = [new_point(text, 1.0, order=9) for text in (fine, name, f"{fine}, too")]
            if refuses(tracker.check_name, name):
                # check_name: Raise Refused
                assert refuses(tracker.write_points, run.id, batch)
                # page: A method does everything
                assert tracker.read_points(run.id, [fine, f"{fine}, too"]) == []
            else:
                # check_name: Raise Refused
                tracker.write_points(run.id, batch)
                # page: A method does everything
                assert len(tracker.read_points(run.id, [fine])) == 1
                # page: It never shortens a text.
                assert len(tracker.read_points(run.id, [name])) == 1
            # page: Keys, names and values can be any text
            for order, value in enumerate([1.0, "text"]):
                if not refuses(tracker.write_points, run.id, [new_point(name, value, order=order)]):
                    values = [point.value for point in tracker.read_points(run.id, [name])]
                    assert value in values

    def test_points_of_several_writers_by_time(self, tracker: Tracker, run: RunRecord) -> None:
        """
        read_points: The points of all writers, or those with these names, ordered by time and
            position.
        Point: For one writer and name, (time, position) increases from call to call.
        """
        # Point: For one writer and name, (time, position) increases
        for me in (2, 0, 1):
            for n in (0, 1):
                time = START + (3 * n + me) * TICK
                point = new_point("m", 10 * n + me, writer=f"w{me}", order=n, step=7 - n, time=time)
                tracker.write_points(run.id, [point])
        # read_points: The points of all writers
        tracker.write_points(run.id, [new_point("z", "first", time=START - TICK)])
        points = tracker.read_points(run.id)
        assert [point.value for point in points] == ["first", 0, 1, 2, 10, 11, 12]
        assert [point.position for point in points] == [0, 7, 7, 7, 6, 6, 6]
        assert [point.time for point in points] == [START + n * TICK for n in range(-1, 6)]
        assert {point.time.utcoffset() for point in points} == {UTC}
        assert tracker.read_points(run.id, ["m", "z", "m"]) == points

    def test_points_of_one_name_alone(self, tracker: Tracker, run: RunRecord) -> None:
        """
        read_points: The points of all writers, or those with these names, ordered by time and
            position.
        """
        tracker.write_points(run.id, [new_point("r", {"x": 1, "y": 2.0}, kind=Kind.ROW)])
        tracker.write_points(
            run.id, [new_point("r.x", 5.0), new_point("l", [1.0, 2.0], kind=Kind.LIST)]
        )
        assert [point.value for point in tracker.read_points(run.id, ["r.x"])] == [5.0]
        assert [point.value for point in tracker.read_points(run.id, ["r"])] == [{"x": 1, "y": 2.0}]
        assert [point.value for point in tracker.read_points(run.id, ["l"])] == [[1.0, 2.0]]
        assert len(tracker.read_points(run.id)) == 3
        assert tracker.read_points(run.id, []) == []

    def test_steps(self, tracker: Tracker, run: RunRecord) -> None:
        """
        Point: A tracker need not return a point's writer; if it cannot tell whether a step was
            given, it may return the position as step.
        """
        points = [new_point("s", float(n), order=n, step=n * 10) for n in range(5)]
        points += [new_point("u", float(n), order=n) for n in range(5)]
        points += [new_point("same", 1.0, order=n, step=7, time=START + n * TICK) for n in range(5)]
        points += [new_point("negative", 1.0, step=-3), new_point("zero", 1.0, step=0, order=5)]
        points += [new_point("far", 1.0, step=2**40)]
        tracker.write_points(run.id, points)
        points = tracker.read_points(run.id)
        assert [point.position for point in points if point.name == "s"] == [0, 10, 20, 30, 40]
        assert [point.position for point in points if point.name == "u"] == [0, 1, 2, 3, 4]
        assert [point.position for point in points if point.name == "same"] == [7] * 5
        assert [point.position for point in points if point.name == "negative"] == [-3]
        assert [point.position for point in points if point.name == "zero"] == [0]
        assert [point.position for point in points if point.name == "far"] == [2**40]
        assert {point.time for point in points if point.name == "same"} == {
            START + n * TICK for n in range(5)
        }

    def test_many_points_at_once(self, tracker: Tracker, run: RunRecord) -> None:
        """write_points: All points have one writer and are in the order of the calls."""
        points = [new_point("m", float(n), order=n, time=START) for n in range(2500)]
        tracker.write_points(run.id, points)
        assert [point.value for point in tracker.read_points(run.id)] == [
            float(n) for n in range(2500)
        ]

    def test_sent_twice_is_stored_once(self, tracker: Tracker, run: RunRecord) -> None:
        """
        Point: position (the step, or order without a step), writer, name and time identify the
            point: a tracker stores it once, however often it is sent.
        write_points: Store points, each identity once.
        """
        points = [
            new_point("m", 1.0, order=0),
            new_point("m", 1.0, order=1),
            new_point("m", "text", order=2),
            new_point("i", 3, order=0),
            new_point("l", [1.0, 1.0], order=0, kind=Kind.LIST),
            new_point("r", {"a": 1}, order=0, kind=Kind.ROW),
        ]
        tracker.write_points(run.id, points)
        tracker.write_points(run.id, points)
        tracker.write_points(run.id, points[2:4])
        # Point: position
        assert [point.value for point in tracker.read_points(run.id, ["m"])] == [1.0, 1.0, "text"]
        assert len(tracker.read_points(run.id)) == len(points)
        # write_points: Store points
        others = [dataclasses.replace(point, name=f"other {point.name}") for point in points]
        tracker.write_points(run.id, [*others, *others])
        assert len(tracker.read_points(run.id)) == 2 * len(points)

    def test_two_writers_at_the_same_moment(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        Point: writer is the process that logged the point; order counts the points of this writer,
            name and run, from 0.
        RunDraft: writer is the process that will log most of the run's points (Point), or None if
            that is not known yet.
        read_points: The points of all writers, or those with these names, ordered by time and
            position.
        """
        for owner in (None, "w0", "other"):
            # RunDraft: writer is the process
            run = self.create_run(tracker, experiment, writer=owner)
            for writer in ("w0", "w1", "w2"):
                for value in (1.0, 1, "same", None):
                    points = [
                        new_point("m", value, writer=writer, order=n, time=START + n * TICK)
                        for n in range(3)
                    ]
                    tracker.write_points(run.id, [points[0]])
                    tracker.write_points(run.id, points)
                    break
            points = tracker.read_points(run.id)
            # Point: writer is the process
            assert len(points) == 9
            # read_points: The points of all writers
            assert [point.value for point in points] == [1.0] * 9

    def test_many_threads_of_many_writers(self, tracker: Tracker, run: RunRecord) -> None:
        """Tracker: Its methods can be called from several threads."""

        def log(me: int) -> None:
            for n in range(5):
                points = [
                    new_point("m", float(n), writer=f"w{me}", order=n),
                    new_point("text", f"{me}", writer=f"w{me}", order=n),
                ]
                tracker.write_points(run.id, points)

        assert race(8, log) == [None] * 8
        assert len(tracker.read_points(run.id, ["m"])) == 40
        assert sorted(point.value for point in tracker.read_points(run.id, ["text"])) == sorted(
            str(me) for me in range(8) for _ in range(5)
        )
