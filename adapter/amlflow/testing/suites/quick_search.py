"""Tests of searches without reading runs, which a tracker may offer beside ``find_runs``."""

from __future__ import annotations

from amlflow.spec import (
    Condition,
    ExperimentRecord,
    Op,
    RunChange,
    RunQuery,
    Status,
    Tracker,
)
from amlflow.testing.suites.base import MILLISECOND, START, SuiteBase


class QuickSearchTests(SuiteBase):
    """Tests of :class:`amlflow.spec.QuickSearch`."""

    def test_quick_search(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        QuickSearch: Each method returns None if the runs must be read with Tracker.find_runs.
        QuickSearch.count_runs: How many runs Tracker.find_runs returns.
        QuickSearch.first_runs: The first query.limit runs that find_runs returns, sorted by a
            field.
        QuickSearch.first_runs: field is written as in RunQuery.fields.
        QuickSearch.first_runs: Texts are compared by their code points, and runs with equal values
            keep their order.
        QuickSearch.first_runs: With last, the last runs of that order are returned instead, in that
            order.
        QuickSearch.first_runs: If a run lacks the field, the result is None.
        """
        names = ["b", "A", "ä", "a", "B", "z", "a", "_", "日", "b"]
        drafts = [
            self.draft(
                experiment,
                name=name,
                created=START + index // 2 * MILLISECOND,
                tags={"key": name, **({"some": name} if index else {})},
                properties={"a/key": name, **({"some": name} if index else {})},
                description=name if index else None,
                type="kind",
            )
            for index, name in enumerate(names)
        ]
        for run in tracker.create_runs(drafts)[1:]:
            tracker.update_run(run.id, RunChange(status=Status.COMPLETED, ended=START))
        conditions: list[list[Condition]] = [
            [],
            [Condition("parent_id", Op.LACKS), Condition("name", Op.CONTAINS, "a")],
            [Condition("name", Op.STARTS_WITH, "b")],
            [Condition("name", Op.NE, "b"), Condition("created", Op.GE, START + MILLISECOND)],
            [Condition("tags", Op.EQ, "b", key="key")],
            [Condition("tags", Op.NE, "b", key="some")],
            [Condition("properties", Op.CONTAINS, "b", key="a/key")],
            [Condition("properties", Op.LACKS, key="some")],
            [Condition("params", Op.HAS, key="a/key")],
            [Condition("status", Op.EQ, Status.COMPLETED)],
            [Condition("description", Op.HAS)],
        ]
        fields = [
            "created", "ended", "name", "description", "type", "tags.key", "properties.a/key",
            "properties.some", "tags.some",
        ]  # fmt: skip
        for subset in conditions:
            query = RunQuery(experiment_ids=[experiment.id], conditions=subset, limit=3)
            records = list(
                tracker.find_runs(RunQuery(experiment_ids=[experiment.id], conditions=subset))
            )
            count = self.quickly(tracker, "count_runs", query)
            # QuickSearch.count_runs: How many
            assert count in (None, len(records)), subset
            for field in fields:
                name, _, key = field.partition(".")
                values = {
                    run.id: getattr(run, name).get(key) if key else getattr(run, name)
                    for run in records
                }
                for last in (False, True):
                    first = self.quickly(tracker, "first_runs", query, field, last)
                    # QuickSearch: Each method returns None
                    if first is None:
                        continue
                    # QuickSearch.first_runs: If a run lacks
                    assert None not in values.values()
                    # QuickSearch.first_runs: field is written
                    assert {run.id for run in first} <= set(values), (subset, field)
                    ordered = sorted(records, key=lambda run: values[run.id])
                    expected = ordered[-3:] if last else ordered[:3]
                    # QuickSearch.first_runs: The first query.limit runs
                    assert len(first) == len(expected), (subset, field)
                    first_ids, ids = [run.id for run in first], [run.id for run in expected]
                    if last:
                        # QuickSearch.first_runs: With last
                        assert first_ids == ids, (subset, field)
                    # QuickSearch.first_runs: Texts are compared
                    assert first_ids == ids, (subset, field)

    def test_field_values(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        QuickSearch.field_values: The values of these fields for each run that find_runs returns, in
            the same order.
        QuickSearch.field_values: fields are written as in RunQuery.fields; id, experiment_id and
            created are allowed, too.
        QuickSearch.field_values: If a run lacks a field, its value is None.
        """
        drafts = [
            self.draft(
                experiment,
                run_id=f"asked-for-{index}" if index % 2 else None,
                name=f"run {index}",
                created=START + index // 2 * MILLISECOND,
                tags={"key": (None, "", "\u200b", "x")[index % 4], "a.b/c": "dots"},
                properties={"a/key": str(index)} if index % 3 else {},
                description="words" if index % 2 else None,
                type="kind" if index % 3 else None,
            )
            for index in range(8)
        ]
        records = tracker.create_runs(drafts)
        tracker.update_run(records[1].id, RunChange(status=Status.COMPLETED, ended=START))
        tracker.update_run(records[2].id, RunChange(status=Status.QUEUED))
        fields = [
            "id", "alias", "experiment_id", "name", "type", "status", "created", "started", "ended",
            "user", "description", "tags.key", "tags.a.b/c", "tags.none", "properties.a/key",
            "params.none",
        ]  # fmt: skip
        for conditions in ([], [Condition("name", Op.CONTAINS, "2")], [Condition("type", Op.HAS)]):
            query = RunQuery(experiment_ids=[experiment.id], conditions=conditions)
            rows = self.quickly(tracker, "field_values", query, fields)
            if rows is None:
                continue
            # QuickSearch.field_values: The values of these fields
            assert [row[0] for row in rows] == [run.id for run in tracker.find_runs(query)]
            expected = []
            for run in tracker.find_runs(query):
                parts = [field.partition(".") for field in fields]
                expected.append(
                    tuple(
                        getattr(run, name).get(key) if key else getattr(run, name)
                        for name, _, key in parts
                    )
                )
            for row, values in zip(rows, expected, strict=True):
                for field, stored, value in zip(fields, row, values, strict=True):
                    if field in ("id", "experiment_id", "created"):
                        # QuickSearch.field_values: fields are written
                        assert stored == value, field
                    elif value is None:
                        # QuickSearch.field_values: If a run lacks
                        assert stored is None, field
                    # QuickSearch.field_values: The values of these fields
                    assert stored == value, field
