"""Tests of each operator on each field, with values that databases may treat as equal."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from amlflow.spec import (
    Condition,
    ExperimentRecord,
    Feature,
    Op,
    Order,
    RunChange,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
)
from amlflow.testing.failures import BrokenSentence
from amlflow.testing.suites.base import MILLISECOND, START, SuiteBase
from amlflow.testing.suites.search import sentence_of

VALUES = [
    "alike", "Alike", "ALIKE", "alike ", " alike", "al\u00efke", "ali\u0308ke", "al_ke",
    "al%ke", "al\\ke",
    "alXke", "al\\_ke", "\uff41like", "a", "", "0", "00", "%", "_", "\\", "'", '"', "al'ike",
    "\u00df", "ss",
    "\u0130", "i", "\u65e5\u672c\u8a9e", "\U0001f600",
]  # fmt: skip
"""The values in the fields of runs. For each value, there is a run that has it."""
PARTS = [
    "alike",
    "AL",
    "al\u00efk",
    "ali\u0308",
    "ali",
    "al",
    "al_",
    "al%",
    "\\",
    "%",
    "_",
    "e ",
    " ",
    "\u00ef",
    "i\u0308",
    "'",
    "",
    "s",
]
"""Texts for conditions on what a field begins with or contains."""
SECOND = timedelta(seconds=1)


class OperatorTests(SuiteBase):
    """Tests of how a tracker evaluates conditions."""

    def various(self, tracker: Tracker, experiment: ExperimentRecord) -> list[RunRecord]:
        """Create runs with each of the values, and some runs without them."""
        drafts = [
            self.draft(
                experiment,
                created=START + index // 3 * MILLISECOND,
                run_id=f"asked-{index}" if index % 2 else None,
                name=value or "x",
                description=value,
                type=f"type {index % 3}" if index % 5 else None,
                status=[Status.RUNNING, Status.QUEUED, Status.COMPLETED][index % 3],
                tags={"key": value, f"key {value}": "x"},
                properties={"a key": value},
            )
            for index, value in enumerate(VALUES)
        ]
        for index in range(4):
            tags = {"key": None} if index % 2 else {"Key": "alike", "other": "alike"}
            drafts.append(
                self.draft(experiment, created=START + index * SECOND, name="none", tags=tags)
            )
        runs = tracker.create_runs(drafts)
        root = runs[0]
        drafts = [
            self.draft(experiment, created=START, parent_id=root.id, root_id=root.id, name="child")
        ]
        [child] = tracker.create_runs(drafts)
        change = RunChange(status=Status.FAILED, started=START + SECOND, ended=START + 2 * SECOND)
        tracker.update_run(child.id, change)
        return [tracker.get_run(run.id) for run in (*runs, child)]

    def check_each(
        self,
        tracker: Tracker,
        experiment: ExperimentRecord,
        conditions: Sequence[Condition],
        records: Sequence[RunRecord],
    ) -> None:
        """Check which runs each condition finds."""
        wrong = []
        for condition in conditions:
            if difference := self.difference(tracker, experiment, [condition], records):
                wrong.append((condition, difference))
        if wrong:
            message = f"{len(wrong)} of {len(conditions)} are wrong; the first: {wrong[0]}"
            raise BrokenSentence(sentence_of(tracker, experiment, wrong[0][0], records), message)

    @pytest.mark.thorough
    def test_every_operator_on_every_field(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        find_runs: The runs that match a query, and no others, read from the tracker while you
            iterate.
        Op: All operators but NE and LACKS are false if the field is absent.
        Condition: field is the name of an attribute; for tags, properties, params and a model's
            system, key is the key in it.
        Condition: value is a text, or a datetime for created, started and ended.
        """
        records = self.various(tracker, experiment)
        self.check_each(tracker, experiment, list(of_all_fields(records)), records)

    @pytest.mark.thorough
    def test_every_value_of_texts(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        find_runs: The runs that match a query, and no others, read from the tracker while you
            iterate.
        Op: All operators but NE and LACKS are false if the field is absent.
        """
        records = self.various(tracker, experiment)
        self.check_each(tracker, experiment, list(of_texts()), records)

    @pytest.mark.thorough
    def test_conditions_together(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        RunQuery: Which runs to find: those of the experiments that meet all conditions.
        """
        records = self.various(tracker, experiment)
        several = [
            Condition("tags", Op.CONTAINS, "al", key="key"),
            Condition("tags", Op.NE, "alike", key="key"),
            Condition("tags", Op.STARTS_WITH, "a", key="key"),
            Condition("tags", Op.HAS, key="other"),
            Condition("properties", Op.CONTAINS, "l", key="a key"),
            Condition("name", Op.NE, "none"),
            Condition("description", Op.HAS),
            Condition("ended", Op.LACKS),
            Condition("created", Op.GE, START + MILLISECOND),
            Condition("created", Op.LE, START + 5 * MILLISECOND),
        ]
        wrong: list[tuple[Sequence[Condition], str]] = []
        for pair in itertools.combinations(several, 2):
            if difference := self.difference(tracker, experiment, pair, records):
                wrong.append((pair, difference))
        if difference := self.difference(tracker, experiment, several[:3], records):
            wrong.append((several[:3], difference))
        assert not wrong, f"{len(wrong)} are wrong; the first: {wrong[0]}"

    def difference(
        self,
        tracker: Tracker,
        experiment: ExperimentRecord,
        conditions: Sequence[Condition],
        records: Sequence[RunRecord],
    ) -> str:
        """Return how a search differs from the contract's own evaluation; "" if it does not."""
        query = RunQuery(experiment_ids=[experiment.id], conditions=conditions)
        run_ids = [run.id for run in tracker.find_runs(query)]
        expected = sorted(
            (run for run in records if all(condition.holds(run) for condition in conditions)),
            key=lambda run: run.id,
        )
        expected.sort(key=lambda run: run.created, reverse=True)
        expected_ids = [run.id for run in expected]
        if run_ids == expected_ids:
            return ""
        names = {run.id: (run.name, dict(run.tags)) for run in records}
        missing = [names[run_id] for run_id in expected_ids if run_id not in run_ids]
        surplus = [names.get(run_id) for run_id in run_ids if run_id not in expected_ids]
        if not missing and not surplus:
            return "the order is wrong"
        return f"missing {missing[:2]}, surplus {surplus[:2]}"

    def test_empty_texts_in_an_order(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        Order: Runs without the field come last, also with descending; runs with equal values come
            newest first.
        """
        self.needs(tracker, Feature.ORDER)
        values = ["", "b", None, "", "b", "a", None]
        drafts = [
            self.draft(
                experiment,
                created=START + index * MILLISECOND,
                tags={} if value is None else {"key": value},
                properties={} if value is None else {"key": value},
                system={} if value is None else {"target": value},
            )
            for index, value in enumerate(values)
        ]
        run_ids = [run.id for run in tracker.create_runs(drafts)]
        lacking = [6, 2]
        for field, key in (("tags", "key"), ("properties", "key"), ("system", "target")):
            query = RunQuery(experiment_ids=[experiment.id], order=Order(field, key))
            up = [run_ids.index(run.id) for run in tracker.find_runs(query)]
            query = RunQuery(experiment_ids=[experiment.id], order=Order(field, key, True))
            down = [run_ids.index(run.id) for run in tracker.find_runs(query)]
            # A tracker may sort "" anywhere, but it must count as a value.
            groups = [[3, 0], [5], [4, 1]]
            assert up in ([3, 0, 5, 4, 1, *lacking], [5, 4, 1, 3, 0, *lacking]), (field, up)
            groups.sort(key=lambda group: -up.index(group[0]))
            assert down == [*itertools.chain(*groups), *lacking], (field, down)

    def test_a_limit_over_all_experiments(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        RunQuery: limit is a hint that at most this many runs will be read; 0 means no hint.
        RunQuery: If experiment_ids is None, all experiments that are not archived are searched.
        """
        drafts = [self.draft(experiment, tags={"mark": experiment.name}) for _ in range(5)]
        run_ids = {run.id for run in tracker.create_runs(drafts)}
        mark = [Condition("tags", Op.EQ, experiment.name, key="mark")]
        # RunQuery: If experiment_ids is None
        assert {run.id for run in tracker.find_runs(RunQuery(conditions=mark))} == run_ids
        # RunQuery: limit is a hint
        for limit in (1, 2, 4, 5, 6):
            query = RunQuery(conditions=mark, limit=limit)
            assert {run.id for run in tracker.find_runs(query)} == run_ids, limit


def of_all_fields(records: Sequence[RunRecord]) -> Iterator[Condition]:
    """Yield conditions with each operator on each field, and different values.

    The values are one that a run has, the same one in other case, and one that no run has.
    """
    values: dict[tuple[str, str | None], list[Any]] = {
        ("id", None): [records[3].id, records[3].id.upper() + "x", "never"],
        ("alias", None): ["asked-1", "ASKED-1", "asked"],
        ("parent_id", None): [records[0].id, "never"],
        ("root_id", None): [records[0].id, records[1].id],
        ("name", None): ["alike", "ALIKE ", "none"],
        ("type", None): ["type 1", "TYPE 1", "type"],
        ("status", None): [Status.COMPLETED, Status.RUNNING, Status.CANCELED],
        ("user", None): [str(records[0].user), str(records[0].user).upper() + "X"],
        ("description", None): ["alike", "ALIKE", "never"],
        ("tags", "key"): ["alike", "", "never"],
        ("tags", "Key"): ["alike", "ALIKE"],
        ("tags", "KEY"): ["alike"],
        ("tags", "key alike"): ["x"],
        ("properties", "a key"): ["alike", "", "never"],
        ("properties", "A key"): ["alike"],
        ("params", "a key"): ["alike"],
    }
    for (field, key), texts in values.items():
        yield Condition(field, Op.HAS, key=key)
        yield Condition(field, Op.LACKS, key=key)
        for text in texts:
            for op in (Op.EQ, Op.NE, Op.STARTS_WITH, Op.CONTAINS):
                yield Condition(field, op, text, key=key)
    yield Condition("tags", Op.EQ, None, key="key")
    yield Condition("tags", Op.NE, None, key="key")
    moments = [START, START + 2 * MILLISECOND, START + SECOND, START + 2 * SECOND]
    for field in ("created", "started", "ended"):
        yield Condition(field, Op.HAS)
        yield Condition(field, Op.LACKS)
        for moment in moments:
            for op in (Op.GE, Op.LE, Op.EQ, Op.NE):
                yield Condition(field, op, moment)


def of_texts() -> Iterator[Condition]:
    """Yield conditions with each value and each operator on the fields that may hold any text."""
    fields = (("name", None), ("description", None), ("tags", "key"), ("properties", "a key"))
    for field, key in fields:
        for op in (Op.EQ, Op.NE):
            for value in VALUES:
                yield Condition(field, op, value, key=key)
        for op in (Op.STARTS_WITH, Op.CONTAINS):
            for part in PARTS:
                yield Condition(field, op, part, key=key)
