"""Tests of searches by metrics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from amlflow.spec import (
    METRIC_FIELDS,
    TICK,
    Condition,
    ExperimentRecord,
    Feature,
    Kind,
    Op,
    Order,
    RunChange,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
)
from amlflow.testing.suites.base import MILLISECOND, START, SuiteBase, new_point
from amlflow.testing.suites.places import assert_places

NAME = "val/loss 50%"
SERIES: Sequence[Sequence[Any]] = (
    [0.5, 0.125, 0.25],
    [3, True],
    [],
    [2.5, math.nan],
    [math.inf, -1.5, math.nan, 8.0],
    [0.25],
    [-math.inf],
)
"""The values that each run logs, the oldest run first."""


class MetricSearchTests(SuiteBase):
    """Tests of the feature ``METRICS``."""

    def test_numbers_of_metrics(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        METRIC_FIELDS: The fields of a run's record that say what it has logged.
        RunRecord: metrics, metrics_min, metrics_max and metrics_first are numbers that the run has
            logged, by the metric's name: the last, the smallest, the largest and the first.
        RunRecord: They may be missing unless RunQuery.fields names them.
        RunRecord: The last number is that of the highest position, and of these the one that was
            logged last.
        RunRecord: A list counts as its numbers at the positions 0, 1 and so on; a column of a row
            or table is the metric NAME.COLUMN.
        RunRecord: A NaN is neither the smallest nor the largest.
        RunQuery: With the feature METRICS, they may also name fields of METRIC_FIELDS, or
            metrics.NAME for a single metric.
        """
        self.needs(tracker, Feature.METRICS)
        run = self.create_run(tracker, experiment)
        tracker.write_points(
            run.id,
            [
                new_point(NAME, 1.0, order=0, step=7),
                new_point(NAME, math.nan, order=1, step=2),
                new_point(NAME, 4.0, order=2, step=9),
                new_point(NAME, 3.0, order=3, step=9, time=START + 3 * TICK),
                new_point(NAME, 5.0, order=4, step=8, time=START + 4 * TICK),
                new_point("text", "9"),
                new_point("list", [4.0, 6.0, 5.0], kind=Kind.LIST),
                new_point("row", {"a b": 2, "c": "text"}, kind=Kind.ROW),
                new_point("table", {"x": [8, 7.5], "y": [None, "1"]}, kind=Kind.TABLE),
            ],
        )
        expected = {
            "metrics": {NAME: 3.0, "list": 5.0, "row.a b": 2.0, "table.x": 7.5},
            "metrics_min": {NAME: 1.0, "list": 4.0, "row.a b": 2.0, "table.x": 7.5},
            "metrics_max": {NAME: 5.0, "list": 6.0, "row.a b": 2.0, "table.x": 8.0},
            "metrics_first": {NAME: math.nan, "list": 4.0, "row.a b": 2.0, "table.x": 8.0},
        }
        # METRIC_FIELDS: The fields of a run's record
        assert set(METRIC_FIELDS) == set(expected)
        for fields in (METRIC_FIELDS, ("metrics",), ("metrics_first", "name")):
            record = self.read_only_run(tracker, experiment, *fields)
            for field in set(METRIC_FIELDS).intersection(fields):
                numbers = getattr(record, field)
                # RunRecord: They may be missing
                assert NAME in numbers, (fields, field)
                series = {name: expected[field][name] for name in expected[field] if name != NAME}
                # RunRecord: A list counts
                assert same({name: numbers.get(name) for name in series}, series), (fields, field)
                if field == "metrics":
                    # RunRecord: The last number
                    assert numbers[NAME] == expected[field][NAME], (fields, field)
                elif field != "metrics_first":
                    # RunRecord: A NaN is neither
                    assert numbers[NAME] == expected[field][NAME], (fields, field)
                # RunRecord: metrics, metrics_min
                assert same(numbers, expected[field]), (fields, field)
        # RunQuery: With the feature METRICS
        for field in METRIC_FIELDS:
            record = self.read_only_run(tracker, experiment, f"{field}.list", f"{field}.none")
            numbers = getattr(record, field)
            assert (numbers["list"], "none" in numbers) == (expected[field]["list"], False)

    def read_only_run(
        self, tracker: Tracker, experiment: ExperimentRecord, *fields: str
    ) -> RunRecord:
        """Return the only run, read with these fields."""
        query = RunQuery(experiment_ids=[experiment.id], fields=frozenset(fields))
        [record] = tracker.find_runs(query)
        return record

    def test_search_by_metrics(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        Condition: With the feature METRICS, field may also be one of METRIC_FIELDS with the
            metric's name as key and a float as value.
        Condition: A NaN counts as absent.
        """
        self.needs(tracker, Feature.METRICS)
        run_ids = self.log_all(tracker, experiment)
        fields = frozenset(METRIC_FIELDS)
        query = RunQuery(experiment_ids=[experiment.id], fields=fields)
        records = {run.id: run for run in tracker.find_runs(query)}
        # Condition: With the feature METRICS
        assert [records[run_ids[place]].metrics[NAME] for place in (0, 1, 4)] == [0.25, 1.0, 8.0]
        comparisons = [(op, value) for op in (Op.EQ, Op.GE, Op.LE, Op.GT, Op.LT) for value in
                       (0.25, 1.0, math.inf, -1.5)]  # fmt: skip
        for field in METRIC_FIELDS:
            for op, value in [(Op.HAS, None), (Op.LACKS, None), *self.some(comparisons)]:
                condition = Condition(field, op, value, NAME)
                expected = {run_id for run_id in run_ids if condition.holds(records[run_id])}
                query = RunQuery(experiment_ids=[experiment.id], conditions=[condition])
                ids = {run.id for run in tracker.find_runs(query)}
                nan = run_ids[3] if field == "metrics" else None
                # Condition: A NaN counts
                assert (nan in ids) == (nan in expected), condition
                # Condition: With the feature METRICS
                assert ids == expected, condition
        both = [Condition("metrics", Op.LT, 0.5, NAME), Condition("name", Op.EQ, "run 5")]
        query = RunQuery(experiment_ids=[experiment.id], conditions=both)
        assert [run.id for run in tracker.find_runs(query)] == [run_ids[5]]

    def test_runs_in_the_order_of_metrics(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        Order: With the feature METRICS, field may also be created or duration (from start to end),
            or params or one of METRIC_FIELDS with a key, whether the tracker claims ORDER or not.
        Order: A run whose number is NaN lacks it.
        """
        self.needs(tracker, Feature.METRICS)
        run_ids = self.log_all(tracker, experiment)
        expected = {
            Order("metrics", NAME): [6, 5, 0, 1, 4, 3, 2],
            Order("metrics", NAME, True): [4, 1, 5, 0, 6, 3, 2],
            Order("metrics_min", NAME): [6, 4, 0, 5, 1, 3, 2],
            Order("metrics_max", NAME, True): [4, 1, 3, 0, 5, 6, 2],
            Order("metrics_first", NAME): [6, 5, 0, 3, 1, 4, 2],
            Order("created"): [0, 1, 2, 3, 4, 5, 6],
            Order("duration"): [0, 1, 2, 6, 5, 4, 3],
            Order("duration", descending=True): [2, 1, 0, 6, 5, 4, 3],
            Order("params", "none"): [6, 5, 4, 3, 2, 1, 0],
        }
        for order, places in self.some([*expected.items()]):
            for limit in (0, 2):  # read all runs, even if a limit says that only some are needed
                query = RunQuery(experiment_ids=[experiment.id], order=order, limit=limit)
                indexes = [run_ids.index(run.id) for run in tracker.find_runs(query)]
                if order.field == "metrics":
                    # Order: A run whose number is NaN
                    assert indexes[-2:] == places[-2:], order
                # Order: With the feature METRICS
                assert indexes == places, order

    def test_search_from_a_number(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        Place: value is what the order compares: a text, a number (the seconds of duration), a
            datetime, or None for a run without the field.
        """
        self.needs(tracker, Feature.METRICS)
        self.log_all(tracker, experiment)
        orders = [Order(field, NAME) for field in METRIC_FIELDS]
        for order in self.some([*orders, Order("created"), Order("duration")]):
            for descending in (False, True):
                assert_places(tracker, experiment, replace(order, descending=descending))

    def test_quick_search_by_metrics(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        QuickSearch: Each method returns None if the runs must be read with Tracker.find_runs.
        QuickSearch.first_runs: The first query.limit runs that find_runs returns, sorted by a
            field.
        QuickSearch.first_runs: field is written as in RunQuery.fields.
        QuickSearch.first_runs: If a run lacks the field, the result is None.
        QuickSearch.field_values: fields are written as in RunQuery.fields; id, experiment_id and
            created are allowed, too.
        QuickSearch.field_values: If a run lacks a field, its value is None.
        """
        self.needs(tracker, Feature.METRICS)
        run_ids = self.log_all(tracker, experiment)
        has = Condition("metrics", Op.HAS, key=NAME)
        query = RunQuery(
            experiment_ids=[experiment.id],
            conditions=[has],
            limit=2,
            fields=frozenset({"metrics_max"}),
        )
        quick: Any = tracker
        # QuickSearch: Each method returns None
        if (count := quick.count_runs(query)) is not None:
            assert count == 5
        # QuickSearch.first_runs: field is written
        field = f"metrics_min.{NAME}"
        for last, places in ((False, [6, 4]), (True, [5, 1])):
            if (runs := quick.first_runs(query, field, last)) is not None:
                assert [run_ids.index(run.id) for run in runs] == places
                assert all(NAME in run.metrics_max for run in runs)
        # QuickSearch.first_runs: The first query.limit runs
        for run in quick.first_runs(query, "created", False) or ():
            assert NAME in run.metrics_max  # as find_runs returns it
        # Only the fields of this query name metrics.
        plain = RunQuery(
            experiment_ids=[experiment.id],
            conditions=[Condition("name", Op.EQ, "run 5")],
            limit=1,
            fields=frozenset({"metrics_max"}),
        )
        for run in quick.first_runs(plain, "created", False) or ():
            assert dict(run.metrics_max) == {NAME: 0.25}
        every = RunQuery(experiment_ids=[experiment.id], limit=2)
        # QuickSearch.first_runs: If a run lacks
        assert quick.first_runs(every, field, False) is None
        values = quick.field_values(every, ["id", f"metrics_first.{NAME}", f"metrics.{NAME}"])
        if values is not None:
            expected = [(-math.inf, -math.inf), (0.25, 0.25), (math.inf, 8.0), (2.5, None)]
            # QuickSearch.field_values: If a run lacks
            assert values[3][2] is None
            # QuickSearch.field_values: fields are written
            assert [numbers for _, *numbers in values][:4] == [*map(list, expected)]

    def log_all(self, tracker: Tracker, experiment: ExperimentRecord) -> list[str]:
        """Create the runs of SERIES, and return their ids. The first three runs end."""
        drafts = [
            self.draft(experiment, name=f"run {place}", created=START + place * MILLISECOND)
            for place in range(len(SERIES))
        ]
        run_ids = [run.id for run in tracker.create_runs(drafts)]
        for run_id, values in zip(run_ids, SERIES, strict=True):
            points = [new_point(NAME, value, order=order) for order, value in enumerate(values)]
            tracker.write_points(run_id, points)
        for place, run_id in enumerate(run_ids[:3]):
            ended = START + timedelta(seconds=place + 1)
            tracker.update_run(run_id, RunChange(status=Status.COMPLETED, ended=ended))
        return run_ids


def same(numbers: Any, others: Any) -> bool:
    """Return whether two values are equal; NaN equals NaN."""
    return {key: repr(value) for key, value in numbers.items()} == {
        key: repr(value) for key, value in others.items()
    }
