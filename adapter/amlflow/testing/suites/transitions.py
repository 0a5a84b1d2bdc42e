"""Tests of every status after every other one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from amlflow.spec import (
    FINAL,
    UNSTARTED,
    ExperimentRecord,
    RunChange,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
    transition,
)
from amlflow.testing.suites.base import MILLISECOND, SuiteBase, later, race

STATUSES: list[str] = [value for name, value in vars(Status).items() if name.isupper()]
REST: dict[str, Any] = {"tags": {"with": "it"}, "system": {"note": "x"}, "properties": {"p": "x"}}


class TransitionTests(SuiteBase):
    """Tests of changes of a run's status."""

    @pytest.mark.thorough
    def test_every_status_after_every_other(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        transition: The record of a run after a change, which Tracker.update_run stores.
        transition: A final status is replaced only by another one, or by Running, which starts the
            run again.
        transition: Any other status that comes later is ignored, and the rest of the change is
            applied.
        transition: A run has an end time only while its status is final.
        transition: A final status sets the end time to ended, or to now.
        transition: A run has no start time while its status is one of UNSTARTED, and started is
            ignored.
        transition: Running sets the start time to started, or to now if the run has none.
        RunChange: A change to a run; what is not given stays as it is.
        """
        # transition: The record of a run
        pairs = [(before, status) for before in STATUSES for status in STATUSES]
        drafts = [self.draft(experiment, status=before, name="n") for before, _ in pairs]
        begun = drafts[0].created
        runs = tracker.create_runs(drafts)
        for run, (_, status) in zip(runs, pairs, strict=True):
            tracker.update_run(run.id, RunChange(status=status, **REST))
        records = {
            run.id: run for run in tracker.find_runs(RunQuery(experiment_ids=[experiment.id]))
        }
        assert len(records) == len(runs)
        for run, (before, status) in zip(runs, pairs, strict=True):
            record, what = records[run.id], f"{status} after {before}"
            expected = transition(run, RunChange(status=status, **REST))
            is_ignored = expected.status != status
            if is_ignored:
                # transition: Any other status
                assert record.status == before, what
            elif before in FINAL:
                # transition: A final status is replaced
                assert record.status == status, what
            # transition: The record of a run
            assert record.status == expected.status, what
            if expected.ended is None:
                # transition: A run has an end time
                assert record.ended is None, what
            else:
                # transition: A final status sets
                assert record.ended is not None, what
                assert record.ended >= begun - MILLISECOND, what
            if expected.status in UNSTARTED:
                # transition: A run has no start time
                assert record.started is None, what
            elif status == Status.RUNNING or before == Status.RUNNING:
                # transition: Running sets the start time
                assert record.started is not None, what
            for field, value in REST.items():
                if is_ignored:
                    # transition: Any other status
                    assert getattr(record, field) == value, what
                # RunChange: A change to a run
                assert getattr(record, field) == value, what

    @pytest.mark.parametrize("status", sorted(FINAL))
    def test_the_end_of_each_final_status(
        self, tracker: Tracker, experiment: ExperimentRecord, status: str
    ) -> None:
        """
        transition: A final status sets the end time to ended, or to now.
        transition: A final status is replaced only by another one, or by Running, which starts the
            run again.
        transition: A run has an end time only while its status is final.
        """
        run = self.create_run(tracker, experiment)
        ends: list[datetime | None] = []
        for another, ended in (
            (status, later(5)),
            (Status.CANCEL_REQUESTED, None),
            (Status.FAILED, later(9)),
            (Status.COMPLETED, later(7)),
            (status, later(8)),
            (Status.RUNNING, None),
            (Status.CANCELED, later(3)),
        ):
            tracker.update_run(run.id, RunChange(status=another, ended=ended))
            record = tracker.get_run(run.id)
            ends.append(record.ended)
            if another == Status.RUNNING:
                # transition: A run has an end time only
                assert record.ended is None
                # transition: A final status is replaced
                assert record.started == run.started
            elif ended is not None:
                # transition: A final status sets the end time
                assert record.ended is not None
                assert abs(record.ended - ended) <= MILLISECOND, (another, ends)
                # transition: A final status is replaced
                assert record.status == another
            else:
                # transition: A run has an end time only
                assert record.ended == ends[-2], (another, ends)

    def test_an_end_without_a_status(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        transition: Without a status, ended corrects the end time of a run that has ended, and is
            ignored otherwise.
        RunChange: A change to a run; what is not given stays as it is.
        """
        for status in (*sorted(FINAL), Status.RUNNING, Status.QUEUED):
            run = self.create_run(tracker, experiment, status=status)
            for n, tags in enumerate([{}, {"t": "x"}]):
                change = RunChange(ended=later(60 * (n + 1)), tags=tags)
                tracker.update_run(run.id, change)
                record, expected = tracker.get_run(run.id), transition(run, change)
                # RunChange: A change to a run
                assert (record.status, record.tags) == (status, tags)
                # transition: Without a status, ended corrects
                assert (record.ended is None) == (expected.ended is None)
                if record.ended is not None and expected.ended is not None:
                    assert abs(record.ended - expected.ended) <= MILLISECOND
        # transition: Without a status, ended corrects
        # A change that was ignored has no effect later.
        tracker.update_run(run.id, RunChange(status=Status.RUNNING, started=later(1)))
        record = tracker.get_run(run.id)
        assert (record.status, record.ended) == (Status.RUNNING, None)

    @pytest.mark.parametrize("final", [Status.COMPLETED, Status.FAILED])
    def test_a_run_that_starts_again_at_a_time(
        self, tracker: Tracker, experiment: ExperimentRecord, final: str
    ) -> None:
        """
        transition: A final status is replaced only by another one, or by Running, which starts the
            run again.
        transition: Running sets the start time to started, or to now if the run has none.
        """
        run = self.create_run(tracker, experiment)
        tracker.update_run(run.id, RunChange(status=final))
        started = later(60)
        tracker.update_run(run.id, RunChange(status=Status.RUNNING, started=started))
        record = tracker.get_run(run.id)
        # transition: A final status is replaced
        assert (record.status, record.ended) == (Status.RUNNING, None)
        # transition: Running sets
        assert record.started is not None
        assert abs(record.started - started) <= MILLISECOND

    def test_a_late_status_in_a_race(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        transition: Any other status that comes later is ignored, and the rest of the change is
            applied.
        Tracker: Its methods can be called from several threads.
        """
        late = [Status.CANCEL_REQUESTED, Status.NOT_RESPONDING, Status.FINALIZING, Status.PAUSED]
        for _ in range(2):
            run = self.create_run(tracker, experiment)

            def act(me: int, run: RunRecord = run) -> None:
                status = Status.COMPLETED if me == 0 else late[me % len(late)]
                tracker.update_run(run.id, RunChange(status=status, tags={f"tag {me}": "x"}))

            # Tracker: Its methods can be called
            assert race(8, act) == [None] * 8
            # transition: Any other status that comes later
            record = tracker.get_run(run.id)
            assert (record.status, len(record.tags)) == (Status.COMPLETED, 8)
            assert record.ended is not None
