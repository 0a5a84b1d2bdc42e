"""Tests of more data than fits into a page, and of runs that change while they are read."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from amlflow.spec import (
    Condition,
    ExperimentRecord,
    Op,
    RunChange,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
)
from amlflow.testing.suites.base import (
    MILLISECOND,
    START,
    SuiteBase,
    current,
    later,
    new_point,
)

POINTS = 30_000
FILES = 1_500
BATCH = 10_000
"""The number of points that the suite writes in one call."""


class LargeTests(SuiteBase):
    """Tests of large numbers of points, files and runs."""

    @pytest.mark.thorough
    def test_30000_points(self, tracker: Tracker, run: RunRecord) -> None:
        """
        read_points: The points of all writers, or those with these names, ordered by time and
            position.
        write_points: All points have one writer and are in the order of the calls.
        Point: position (the step, or order without a step), writer, name and time identify the
            point: a tracker stores it once, however often it is sent.
        """
        points = [
            new_point("m", n / 2, order=n, time=START + n * 2 * MILLISECOND) for n in range(POINTS)
        ]
        for start in range(0, POINTS, BATCH):
            tracker.write_points(run.id, points[start : start + BATCH])
        tracker.write_points(run.id, [new_point("n", 1.0), new_point("n", "text", order=1)])
        again = [*points[:3], points[POINTS // 2], points[-1]]
        tracker.write_points(run.id, again)
        stored = tracker.read_points(run.id, ["m"])
        # Point: position (the step
        assert len(stored) <= POINTS, "a point is stored twice"
        # read_points: The points of all writers
        assert len(stored) == POINTS
        values = [point.value for point in stored]
        assert values == [point.value for point in points], "the values come in another order"
        # write_points: All points have one writer
        assert [stored[n].position for n in (0, BATCH, POINTS - 1)] == [0, BATCH, POINTS - 1]
        # read_points: The points of all writers
        assert len(tracker.read_points(run.id)) == POINTS + 2
        assert [point.value for point in tracker.read_points(run.id, ["n"])] == [1.0, "text"]
        many = [*(f"never {n}" for n in range(1500)), "n"]
        assert [point.value for point in tracker.read_points(run.id, many)] == [1.0, "text"]

    def test_sent_again_long_after(self, tracker: Tracker, run: RunRecord) -> None:
        """
        Point: position (the step, or order without a step), writer, name and time identify the
            point: a tracker stores it once, however often it is sent.
        """
        points = [new_point("m", float(n), order=n) for n in range(300)]
        points += [new_point("t", str(n), order=n) for n in range(10)]
        tracker.write_points(run.id, points)
        for again in (points[:1], points[5:7], points[-3:], points):
            tracker.write_points(run.id, again)
        stored = [(point.name, point.value) for point in tracker.read_points(run.id)]
        assert sorted(stored, key=str) == sorted(
            ((point.name, point.value) for point in points), key=str
        )

    @pytest.mark.thorough
    def test_1500_files(self, tracker: Tracker, run: RunRecord, tmp_path: Path) -> None:
        """
        list_files: The names of the run's files that begin with a prefix, sorted, without amlflow's
            own.
        put_files: Store local files of any size under names that may contain /.
        """
        path, back = tmp_path / "file", tmp_path / "back"
        path.write_text("x")
        last = tmp_path / "last"
        last.write_text("last")
        names = [f"many/{n:04}" for n in range(FILES - 3)]
        files = {**dict.fromkeys(names, path), "many/zzzz": last, "a": path, "z": path}
        # put_files: Store local files
        tracker.put_files(run.id, files)
        # list_files: The names of the run's files
        assert tracker.list_files(run.id) == sorted(files)
        assert tracker.list_files(run.id, "many/1") == [name for name in names if "/1" in name]
        assert tracker.list_files(run.id, "many/") == [*names, "many/zzzz"]
        # put_files: Store local files
        tracker.get_file(run.id, "many/zzzz", back)
        assert back.read_text() == "last"

    @pytest.mark.thorough
    def test_runs_that_change_while_they_are_read(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        find_runs: They come by creation time, newest first; runs of the same time are ordered by
            id.
        find_runs: A run that is created meanwhile does not shift the others: none comes twice, and
            none is left out.
        find_runs: The runs that match a query, and no others, read from the tracker while you
            iterate.
        QuickSearch.count_runs: How many runs Tracker.find_runs returns.
        QuickSearch.field_values: The values of these fields for each run that find_runs returns, in
            the same order.
        RunQuery: limit is a hint that at most this many runs will be read; 0 means no hint.
        """
        now = current()
        # Seven runs have the same time, so that pages end between runs of the same time.
        drafts = [
            self.draft(experiment, created=now + n // 7 * MILLISECOND, tags={"kind": "old"})
            for n in range(self.more_than_a_page)
        ]
        runs = sorted(tracker.create_runs(drafts), key=lambda run: run.id)
        runs.sort(key=lambda run: run.created, reverse=True)
        run_ids = [run.id for run in runs]
        plain = RunQuery(experiment_ids=[experiment.id])
        # find_runs: The runs that match
        read_ids = [run.id for run in tracker.find_runs(plain)]
        assert set(read_ids) == set(run_ids)
        # find_runs: They come by creation time
        assert read_ids == run_ids
        # QuickSearch.count_runs: How many runs
        assert self.quickly(tracker, "count_runs", plain) in (None, len(run_ids))
        # QuickSearch.field_values: The values of these fields
        values = self.quickly(tracker, "field_values", plain, ["id"])
        assert values in (None, [(run_id,) for run_id in run_ids])
        few = RunQuery(experiment_ids=[experiment.id], limit=3)
        # RunQuery: limit is a hint
        assert [run.id for run in itertools.islice(tracker.find_runs(few), 10)] == run_ids[:10]

        # Newer runs are created when a part was read: they shift nothing.
        # find_runs: A run that is created meanwhile
        read_ids = []
        for run in tracker.find_runs(plain):
            read_ids.append(run.id)
            if len(read_ids) == 30:
                tracker.create_runs([self.draft(experiment, created=later(60)) for _ in range(7)])
        old_ids = set(run_ids)
        assert [run_id for run_id in read_ids if run_id in old_ids] == run_ids
        assert len(set(read_ids)) == len(read_ids)

        # Some runs do not match any more when a part was read: no other run is left out.
        # find_runs: The runs that match
        old = [Condition("tags", Op.EQ, "old", key="kind")]
        read_ids = []
        for run in tracker.find_runs(RunQuery(experiment_ids=[experiment.id], conditions=old)):
            read_ids.append(run.id)
            if len(read_ids) in (50, len(run_ids) - 20):
                for other in runs[len(read_ids) - 5 : len(read_ids)]:
                    change = RunChange(tags={"kind": "new"}, status=Status.COMPLETED)
                    tracker.update_run(other.id, change)
        assert read_ids == run_ids
        numbers = tracker.run_numbers([runs[-1], runs[0]])
        assert sorted(numbers) == numbers
        assert 1 <= numbers[0] <= 7
        assert len(run_ids) - 7 < numbers[1] <= len(run_ids)

    def test_numbers_by_creation(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        run_numbers: The number of each run in its experiment by creation, from 1, children
            included.
        """
        seconds = [3, 1, 2, 0]
        runs = [
            self.create_run(tracker, experiment, created=START + n * 1000 * MILLISECOND)
            for n in seconds
        ]
        numbers = tracker.run_numbers(runs)
        in_order = [number for _, number in sorted(zip(seconds, numbers, strict=True))]
        assert in_order == [1, 2, 3, 4]
