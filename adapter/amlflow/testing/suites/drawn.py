"""Tests with random values. If a test fails, hypothesis makes the values as small as possible.

``--amlflow-seed`` draws the values of an earlier test run again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from amlflow.spec import (
    UNSTARTED,
    Condition,
    ExperimentRecord,
    Kind,
    Op,
    PropertyConflict,
    Refused,
    RunChange,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
    transition,
)
from amlflow.testing.known_limits import has_limit
from amlflow.testing.seeds import seed_of
from amlflow.testing.suites.base import START, SuiteBase, new_point, refuses
from amlflow.testing.suites.cleaning import new_name
from amlflow.testing.suites.transitions import STATUSES
from amlflow.testing.suites.values import with_types

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
"""Texts that a tracker must be able to store."""
FEW_TEXTS = st.sampled_from(["", "a", "A", "a ", "ab", "\u00e4", "a\u0308", "%", "_", "a_", "0"])
"""A few texts, so that conditions often match records. Some databases treat some as equal."""
RESTART = "start-of-a-canceled-run"
"""The switch of a known limit: a Canceled run does not start again with a given start time."""
KEYS = st.sampled_from(["a", "b", "A", "\u00e4"])
TIMES = st.integers(0, 10**7).map(lambda seconds: START + timedelta(seconds=seconds))
CHANGES = st.builds(
    RunChange,
    status=st.none() | st.sampled_from(STATUSES),
    started=st.none() | TIMES,
    ended=st.none() | TIMES,
    name=st.none() | TEXTS.filter(bool),
    description=st.none() | TEXTS.filter(bool),
    tags=st.dictionaries(KEYS, st.none() | TEXTS, max_size=3),
    tags_removed=st.lists(KEYS, max_size=2),
    properties=st.dictionaries(KEYS, st.sampled_from(["x", "y"]), max_size=2),
    system=st.dictionaries(st.sampled_from(["a", "b"]), TEXTS, max_size=2),
)
CONDITIONS = st.builds(
    lambda field, op, value: Condition(field[0], op, value, key=field[1]),
    st.sampled_from([("name", None), ("description", None), ("tags", "a"), ("properties", "a")]),
    st.sampled_from([Op.EQ, Op.NE, Op.HAS, Op.LACKS, Op.STARTS_WITH, Op.CONTAINS]),
    FEW_TEXTS,
)
SINGLE: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(width=64) | TEXTS
)
VALUES = st.one_of(
    st.tuples(st.just(Kind.SCALAR), SINGLE),
    st.tuples(st.just(Kind.LIST), st.lists(SINGLE, max_size=5)),
    st.tuples(st.just(Kind.ROW), st.dictionaries(TEXTS, SINGLE, max_size=4)),
    st.tuples(
        st.just(Kind.TABLE),
        st.lists(st.tuples(SINGLE, SINGLE), max_size=4).map(
            lambda rows: {"a": [row[0] for row in rows], "b": [row[1] for row in rows]}
        ),
    ),
)


PHASES = (hypothesis.Phase.generate, hypothesis.Phase.shrink)
"""hypothesis's phases without `explain`, which takes longer than finding the smallest values."""


class DrawnTests(SuiteBase):
    """Tests with random values."""

    drawn_cases = 15
    """The number of cases that each of these tests draws."""

    @pytest.fixture
    def draw(self, request: pytest.FixtureRequest) -> Callable[..., None]:
        """Return a function that calls another one with drawn values.

        If the call fails, the smallest values that fail are found.
        """

        def judge(strategy: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
            @hypothesis.seed(seed_of(request.config))
            @hypothesis.settings(
                max_examples=self.drawn_cases, deadline=None, database=None, print_blob=False,
                report_multiple_bugs=False, suppress_health_check=list(hypothesis.HealthCheck),
                phases=PHASES,
            )  # fmt: skip
            @hypothesis.given(strategy)
            def case(values: Any) -> None:
                check(values)

            case()

        return judge

    @pytest.mark.thorough
    @pytest.mark.drawn
    def test_drawn_changes_of_a_run(
        self, tracker: Tracker, experiment: ExperimentRecord, draw: Callable[..., None]
    ) -> None:
        """
        transition: The record of a run after a change, which Tracker.update_run stores.
        page: A method does everything that its docstring says, or raises one of the contract's
            errors and changes nothing.
        """

        def check(changes: list[RunChange]) -> None:
            run = self.create_run(tracker, experiment, created=START)
            for change in changes:
                before, is_conflict = tracker.get_run(run.id), False
                starts = change.status == Status.RUNNING and change.started is not None
                is_canceled = before.status == Status.CANCELED
                if starts and is_canceled and has_limit(tracker, RESTART):
                    continue
                # transition: The record of a run
                try:
                    expected = transition(before, change)
                except PropertyConflict:
                    is_conflict, expected = True, before
                try:
                    tracker.update_run(run.id, change)
                except PropertyConflict:
                    assert is_conflict, f"no property conflicts with {before.properties}"
                except Refused:
                    expected = before
                else:
                    assert not is_conflict, f"no conflict with {before.properties}"
                stored = comparable(tracker.get_run(run.id))
                if expected is before:
                    # page: A method does everything
                    assert stored == comparable(before)
                # transition: The record of a run
                assert stored == comparable(expected)

        draw(st.lists(CHANGES, max_size=6), check)

    @pytest.mark.thorough
    @pytest.mark.drawn
    def test_drawn_conditions(self, tracker: Tracker, draw: Callable[..., None]) -> None:
        """
        find_runs: The runs that match a query, and no others, read from the tracker while you
            iterate.
        RunQuery: Which runs to find: those of the experiments that meet all conditions.
        """
        drafts = st.fixed_dictionaries(
            {
                "name": FEW_TEXTS.filter(bool),
                "description": st.none() | FEW_TEXTS.filter(bool),
                "tags": st.dictionaries(st.just("a"), st.none() | FEW_TEXTS),
                "properties": st.dictionaries(st.just("a"), FEW_TEXTS),
            }
        )

        def check(values: tuple[list[dict[str, Any]], list[list[Condition]]]) -> None:
            experiment = tracker.ensure_experiment(new_name())
            fields, queries = values
            runs = tracker.create_runs([self.draft(experiment, **each) for each in fields])
            records = [tracker.get_run(run.id) for run in runs]
            for conditions in queries:
                query = RunQuery(experiment_ids=[experiment.id], conditions=conditions)
                matching = {run.id for run in tracker.find_runs(query)}
                for record in records:
                    holds = all(condition.holds(record) for condition in conditions)
                    verdict = (record.name, record.tags, record.properties, record.description)
                    is_right = (record.id in matching) == holds
                    if len(conditions) == 1:
                        # find_runs: The runs that match
                        assert is_right, (verdict, conditions)
                    # RunQuery: Which runs to find
                    assert is_right, (verdict, conditions)

        queries = st.lists(st.lists(CONDITIONS, min_size=1, max_size=2), min_size=1, max_size=6)
        draw(st.tuples(st.lists(drafts, max_size=5), queries), check)

    @pytest.mark.thorough
    @pytest.mark.drawn
    def test_drawn_values(
        self, tracker: Tracker, experiment: ExperimentRecord, draw: Callable[..., None]
    ) -> None:
        """
        read_points: Values keep their types: bool, int, float (also NaN and infinities), str, None.
        write_points: Store points, each identity once.
        """

        def check(values: list[tuple[Kind, Any]]) -> None:
            run = self.create_run(tracker, experiment)
            points = [
                new_point("m", value, kind=kind, order=order)
                for order, (kind, value) in enumerate(values)
            ]
            if refuses(tracker.write_points, run.id, points):
                points = []
            else:
                # write_points: Store points, each identity once.
                tracker.write_points(run.id, points[::2])
            # read_points: Values keep their types
            stored = [
                (point.kind, with_types(point.value)) for point in tracker.read_points(run.id)
            ]
            # write_points: Store points, each identity once.
            assert len(stored) == len(points)
            # read_points: Values keep their types
            assert stored == [(point.kind, with_types(point.value)) for point in points]

        draw(st.lists(VALUES, max_size=8), check)

    @pytest.mark.thorough
    @pytest.mark.drawn
    def test_drawn_files(
        self,
        tracker: Tracker,
        experiment: ExperimentRecord,
        tmp_path: Path,
        draw: Callable[..., None],
    ) -> None:
        """
        put_files: Store local files of any size under names that may contain /.
        list_files: The names of the run's files that begin with a prefix, sorted, without amlflow's
            own.
        get_file: Write a file's content to a local path.
        """
        parts = st.text(st.characters(codec="utf-8", categories=["L", "N", "Zs"]), min_size=1)
        names = st.lists(parts, min_size=1, max_size=3).map("/".join)

        def check(contents: dict[str, bytes]) -> None:
            run = self.create_run(tracker, experiment)
            expected = {}
            for name, content in contents.items():
                path = tmp_path / "local"
                path.write_bytes(content)
                if not refuses(tracker.put_files, run.id, {name: path}):
                    expected[name] = content
            stored = {}
            for name in tracker.list_files(run.id):
                tracker.get_file(run.id, name, tmp_path / "back")
                stored[name] = (tmp_path / "back").read_bytes()
            # list_files: The names of the run's files
            assert list(stored) == sorted(stored)
            # put_files: Store local files
            assert set(stored) == set(expected)
            # get_file: Write a file's content
            assert stored == expected

        draw(st.dictionaries(names, st.binary(max_size=50), max_size=4), check)


def comparable(run: RunRecord) -> dict[str, Any]:
    """Return the part of a record that is the same on every tracker."""
    fields = ("status", "name", "description", "tags", "properties", "system", "experiment_id")
    values: dict[str, Any] = {field: getattr(run, field) for field in fields}
    values["tags"], values["system"] = dict(run.tags), dict(run.system)
    values["has ended"] = run.ended is not None
    if run.status in UNSTARTED or run.status == Status.RUNNING:
        values["has started"] = run.started is not None
    return values
