"""Tests of rules for all methods: times, numbers, file names, repeated calls; and of new runs."""

from __future__ import annotations

import contextlib
import math
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from amlflow.spec import (
    Condition,
    ExperimentRecord,
    Feature,
    Kind,
    ModelRegistry,
    Op,
    QuickSearch,
    Refused,
    RunChange,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
    check_file_name,
)
from amlflow.testing.suites.base import MILLISECOND, SuiteBase, current, new_point
from amlflow.testing.suites.signatures import check_signatures

BAD_FILE_NAMES = ["", ".", "..", "/a", "a/", "a//b", "./a", "a/.", "a/../b", "../a", "a\\b", "a\0b"]
NUMBERS: list[Any] = [
    0, -1, 2**53 + 1, -(2**63), 2**64, 10**400, True, False, 0.0, -0.0, 1.0, 0.1, 5e-324,
    1.7976931348623157e308, math.inf, -math.inf, math.nan,
]  # fmt: skip


def same_number(one: Any, other: Any) -> bool:
    return type(one) is type(other) and repr(one) == repr(other)


class ConventionTests(SuiteBase):
    """Tests of the conventions on the contract's first page."""

    def test_times_are_kept_to_the_millisecond(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        page: A time that comes back differs by less than a millisecond; conditions compare the
            times that come back.
        RunDraft: A run whose status is final is created with created as its end; unless its status
            is one of UNSTARTED, created is also its start.
        """
        times = [
            datetime(2026, 3, 4, 5, 6, 7, microseconds, tzinfo=timezone.utc)
            for microseconds in (0, 1, 499, 999, 1_000, 999_999)
        ]
        for time in times:
            run = self.create_run(tracker, experiment, created=time, status=Status.COMPLETED)
            record = tracker.get_run(run.id)
            for stored in (record.created, record.started, record.ended):
                # RunDraft: A run whose status is final
                assert stored is not None
                assert abs(stored - time) < 1_000 * MILLISECOND
                # page: A time that comes back
                assert abs(stored - time) < MILLISECOND
        # page: A time that comes back
        for record in tracker.find_runs(RunQuery(experiment_ids=[experiment.id])):
            for field in ("created", "ended"):
                for op in (Op.GE, Op.LE):
                    condition = Condition(field, op, getattr(record, field))
                    query = RunQuery(experiment_ids=[experiment.id], conditions=[condition])
                    assert record.id in [run.id for run in tracker.find_runs(query)], condition

    def test_numbers_of_any_size(self, tracker: Tracker, run: RunRecord) -> None:
        """
        page: Whole numbers have any size, and floats are IEEE doubles, NaN and infinities among
            them.
        """
        points = [
            *(new_point("scalar", number, order=order) for order, number in enumerate(NUMBERS)),
            new_point("list", NUMBERS, kind=Kind.LIST),
        ]
        tracker.write_points(run.id, points)
        stored = tracker.read_points(run.id)
        scalars = [point.value for point in stored if point.name == "scalar"]
        [values] = [point.value for point in stored if point.name == "list"]
        for numbers in (scalars, values):
            assert len(numbers) == len(NUMBERS)
            for one, other in zip(numbers, NUMBERS, strict=True):
                assert same_number(one, other)

    @pytest.mark.parametrize("step", [2**63 - 1, -(2**63)])
    def test_the_range_of_steps(self, tracker: Tracker, run: RunRecord, step: int) -> None:
        """
        Point: A step is a whole number of 64 bits with sign; a tracker may refuse another one.
        """
        tracker.write_points(run.id, [new_point("m", 1.0, step=step)])
        assert [stored.position for stored in tracker.read_points(run.id)] == [step]

    def test_names_that_no_file_can_have(
        self, tracker: Tracker, run: RunRecord, tmp_path: Path
    ) -> None:
        """
        put_files: Raises RunNotFound, and Refused for a name that check_file_name refuses.
        check_file_name: Raise Refused if no file of a run can have this name.
        check_file_name: A name is a relative path with /: no part of it is empty, one dot or two
            dots, and it has no backslash and no NUL.
        """
        path = tmp_path / "file"
        path.write_text("x")
        # check_file_name: Raise Refused
        with pytest.raises(Refused):
            check_file_name("..")
        for name in BAD_FILE_NAMES:
            # check_file_name: A name is a relative path
            with pytest.raises(Refused):
                check_file_name(name)
            # put_files: Raises RunNotFound, and Refused
            for replace in (False, True):
                with pytest.raises(Refused):
                    tracker.put_files(run.id, {"a good name": path, name: path}, replace=replace)
        # put_files: Raises RunNotFound, and Refused
        assert tracker.list_files(run.id) == []

    def test_a_call_that_is_repeated(
        self, tracker: Tracker, run: RunRecord, tmp_path: Path
    ) -> None:
        """
        page: After Unavailable, amlflow sends points, changes, files that may be replaced and
            snapshots again, although the call may have been carried out and only its answer was
            lost.
        page: What was carried out before does not change again.
        """
        archive = tmp_path / "archive.zip"
        archive.write_bytes(run.id.encode())
        change = RunChange(
            status=Status.COMPLETED, ended=current(), name="name", description="text",
            tags={"a": "1", "b": None}, tags_removed=["c"], properties={"p": "x"},
            system={"note": "1"},
        )  # fmt: skip
        states = []
        # page: After Unavailable
        for _ in range(2):
            tracker.write_points(run.id, [new_point("m", 1.0), new_point("t", "x" * 1000, order=1)])
            tracker.put_files(run.id, {"outputs/a": archive}, replace=True)
            tracker.put_snapshot(run.id, archive)
            tracker.update_run(run.id, change)
            values = [(point.name, point.value) for point in tracker.read_points(run.id)]
            states.append((tracker.get_run(run.id), values, tracker.list_files(run.id)))
        # page: What was carried out before
        assert states[0] == states[1]

    def test_arguments_by_position_and_by_name(self, tracker: Tracker) -> None:
        """
        page: A method takes its arguments by position and by name, as its signature in the contract
            says; an argument that the contract does not have needs a default.
        """
        inner: Any = tracker
        while inner is not None:  # each layer, and the plugin's own tracker inside them
            registry = [ModelRegistry] if Feature.MODELS in inner.features else []
            check_signatures(inner, Tracker, QuickSearch, *registry)
            inner = getattr(inner, "inner", None)

    @pytest.mark.parametrize("name", [None, ""])
    def test_a_run_without_a_name(
        self, tracker: Tracker, experiment: ExperimentRecord, name: str | None
    ) -> None:
        """
        RunDraft: A run without a name, or with an empty one, gets a name that the tracker chooses,
            or none.
        """
        run = self.create_run(tracker, experiment, name=name)
        assert tracker.get_run(run.id).name == run.name

    def test_a_parent_from_elsewhere(
        self, tracker: Tracker, experiment: ExperimentRecord, run: RunRecord
    ) -> None:
        """
        RunDraft: A parent and a root are stored as they are: they may belong to another experiment,
            and need not exist.
        RunRecord: root_id is the run's own id if it has no parent, and None if another client
            nested the run without naming a root.
        """
        other = tracker.ensure_experiment(f"{experiment.name}-other")
        families = [(run.id, run.id), ("0" * 32, "1" * 32), (run.id, "0" * 32), (run.id, None)]
        for family in families:
            # RunDraft: A parent and a root are stored
            child = self.create_run(tracker, other, parent_id=family[0], root_id=family[1])
            record = tracker.get_run(child.id)
            if family[1] is None:
                # RunRecord: root_id is
                assert record.root_id is None
            # RunDraft: A parent and a root are stored
            assert (record.parent_id, record.root_id) == family
            assert record.experiment_id == other.id

    def test_one_id_in_two_experiments(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        RunDraft: Runs of two experiments may request the same id.
        get_run: If several experiments have a run with the alias, any of them is returned.
        get_run: An id comes before an alias.
        create_runs: A tracker may also refuse an id that a run of another experiment has from it.
        """
        other = tracker.ensure_experiment(f"{experiment.name}-other")
        alias = f"same-{experiment.id}"
        # RunDraft: Runs of two experiments may request
        runs = [self.create_run(tracker, each, run_id=alias) for each in (experiment, other)]
        for run in runs:
            assert tracker.get_run(alias, run.experiment_id).id == run.id
        # get_run: If several experiments
        assert tracker.get_run(alias).id in [run.id for run in runs]
        # create_runs: A tracker may also refuse
        last = None
        with contextlib.suppress(Refused):
            last = self.create_run(tracker, other, run_id=runs[0].id)
        # get_run: An id comes before an alias.
        assert tracker.get_run(runs[0].id).id == runs[0].id
        if last is not None:
            assert tracker.get_run(runs[0].id, other.id).id == last.id
        first = self.create_run(tracker, experiment)
        assert tracker.get_run(first.id).id == first.id
