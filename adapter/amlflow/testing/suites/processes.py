"""Tests of several processes that use the same run."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from amlflow.spec import (
    Condition,
    ExperimentChange,
    ExperimentRecord,
    FileInRun,
    Kind,
    Op,
    PropertyConflict,
    Refused,
    RunChange,
    RunDraft,
    RunNotFound,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
)
from amlflow.testing.suites.at_once import PROCESSES, ROUNDS, Others
from amlflow.testing.suites.base import check_claims, claim, current, new_point
from amlflow.testing.suites.cleaning import new_name
from amlflow.testing.suites.process_base import (
    ProcessBase,
    check_written,
    need_fork,
    write_one,
)


class ProcessTests(ProcessBase):
    """Tests of a tracker that several processes share."""

    @pytest.mark.thorough
    def test_one_of_many_processes_writes_a_property(
        self, tracker: Tracker, experiment: ExperimentRecord, others: Others
    ) -> None:
        """
        page: Other processes and machines change the same runs at the same time.
        RunChange: Properties can be added but not changed: if a key already has another value, even
            if another process adds it at the same time, the whole change is a PropertyConflict.
        """
        # page: Other processes and machines
        runs = [self.create_run(tracker, experiment) for _ in range(ROUNDS)]
        rounds = others.in_rounds(_claim, [(run.id,) for run in runs])
        # RunChange: Properties can be added
        for run, outcomes in zip(runs, rounds, strict=True):
            check_claims(tracker.get_run(run.id), outcomes)

    @pytest.mark.thorough
    def test_many_processes_tag_one_run(
        self, tracker: Tracker, run: RunRecord, others: Others
    ) -> None:
        """
        page: Other processes and machines change the same runs at the same time.
        RunChange: A change to a run; what is not given stays as it is.
        """
        # page: Other processes and machines
        assert others.at_once(_tag, run.id) == [None] * PROCESSES
        record = tracker.get_run(run.id)
        # RunChange: A change to a run
        assert record.tags == {f"tag {me} {n}": "x" for me in range(PROCESSES) for n in range(5)}
        assert record.system == {f"note{me}": "4" for me in range(PROCESSES)}

    @pytest.mark.thorough
    def test_sent_twice_by_another_process(
        self, tracker: Tracker, run: RunRecord, others: Others
    ) -> None:
        """
        Point: position (the step, or order without a step), writer, name and time identify the
            point: a tracker stores it once, however often it is sent.
        """
        tracker.write_points(run.id, RESENT)
        assert others.at_once(_resend, run.id) == [None] * PROCESSES
        points = tracker.read_points(run.id, ["m"])
        assert [point.value for point in points] == [1.0, 2, "x", None, True, 3]
        assert len(tracker.read_points(run.id, ["l"])) == 1

    @pytest.mark.thorough
    def test_many_processes_log_one_metric(
        self, tracker: Tracker, run: RunRecord, others: Others
    ) -> None:
        """
        page: Other processes and machines change the same runs at the same time.
        read_points: The points of all writers, or those with these names, ordered by time and
            position.
        """
        # page: Other processes and machines
        assert others.at_once(_log, run.id) == [None] * PROCESSES
        points = tracker.read_points(run.id, ["m"])
        assert len(points) == 20 * PROCESSES
        # read_points: The points of all writers
        for me in range(PROCESSES):
            mine = [point.value for point in points if point.writer == f"process{me}"]
            if mine:  # a tracker does not have to return who wrote a point
                assert mine == [float(n) for n in range(20)]

    @pytest.mark.thorough
    def test_one_experiment_for_all_processes(self, tracker: Tracker, others: Others) -> None:
        """
        ensure_experiment: The experiment with this name, created if there is none; an archived one
            stays so.
        """
        names = [new_name() for _ in range(ROUNDS)]
        rounds = others.in_rounds(_ensure, [(name,) for name in names])
        for name, ids in zip(names, rounds, strict=True):
            assert set(ids) == {tracker.ensure_experiment(name).id}

    @pytest.mark.thorough
    def test_one_run_for_an_asked_for_id(
        self, tracker: Tracker, experiment: ExperimentRecord, others: Others
    ) -> None:
        """
        create_runs: If the experiment already has a requested id, even if another process creates
            it at the same time, the call is Refused and no run is created.
        """
        run_ids = [f"wanted-{n}" for n in range(ROUNDS)]
        rounds = others.in_rounds(_ask_for_id, [(experiment.id, run_id) for run_id in run_ids])
        runs = {}
        for run_id, outcomes in zip(run_ids, rounds, strict=True):
            winners = [outcome for outcome in outcomes if outcome is not None]
            assert len(winners) == 1, outcomes
            runs[run_id] = winners[0]
        query = RunQuery(experiment_ids=[experiment.id])
        assert {run.alias: run.id for run in tracker.find_runs(query)} == runs
        assert len(list(tracker.find_runs(query))) == ROUNDS
        with pytest.raises(Refused):
            self.create_run(tracker, experiment, run_id=run_ids[0])

    @pytest.mark.thorough
    @pytest.mark.known_limit("new-files-in-a-race")
    def test_one_file_for_all_processes(
        self, tracker: Tracker, run: RunRecord, others: Others, tmp_path: Path
    ) -> None:
        """
        put_files: With replace, a file of the same name is replaced; otherwise the call raises
            FileInRun and stores no file.
        """
        for me in range(PROCESSES):
            (tmp_path / f"local{me}").write_text(f"content {me}")
        names = [f"one {n}" for n in range(ROUNDS)]
        rounds = others.in_rounds(_put, [(run.id, name, str(tmp_path)) for name in names])
        for name, outcomes in zip(names, rounds, strict=True):
            winners = [me for me, outcome in enumerate(outcomes) if outcome]
            assert len(winners) == 1, f"processes {winners} all stored {name!r}"
            tracker.get_file(run.id, name, tmp_path / "back")
            assert (tmp_path / "back").read_text() == f"content {winners[0]}"

    @pytest.mark.thorough
    def test_one_snapshot_for_all_processes(
        self, tracker: Tracker, others: Others, tmp_path: Path
    ) -> None:
        """put_snapshot: Store a zip archive under the digest of its content."""
        archive = tmp_path / "archive"
        archive.write_bytes(b"PK" + bytes(300_000))
        digest = uuid.uuid4().hex * 2
        assert others.at_once(_put_snapshot, digest, str(archive)) == [True] * PROCESSES
        tracker.get_snapshot(digest, tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == archive.read_bytes()

    @pytest.mark.thorough
    def test_a_late_status_of_another_process(
        self, tracker: Tracker, run: RunRecord, others: Others
    ) -> None:
        """
        transition: Any other status that comes later is ignored, and the rest of the change is
            applied.
        page: Other processes and machines change the same runs at the same time.
        """
        # page: Other processes and machines
        others.in_one(_change, run.id, RunChange(status=Status.FINALIZING))
        tracker.update_run(run.id, RunChange(status=Status.COMPLETED))
        for status in (Status.CANCEL_REQUESTED, Status.NOT_RESPONDING):
            # Processes that have not seen the end.
            others.at_once(_change_late, run.id, status)
        # transition: Any other status that comes later
        record = tracker.get_run(run.id)
        assert (record.status, len(record.tags)) == (Status.COMPLETED, 2 * PROCESSES)
        assert record.ended is not None

    @pytest.mark.thorough
    def test_an_end_beside_late_statuses_of_other_processes(
        self, tracker: Tracker, experiment: ExperimentRecord, others: Others
    ) -> None:
        """
        transition: Any other status that comes later is ignored, and the rest of the change is
            applied.
        page: Other processes and machines change the same runs at the same time.
        """
        # page: Other processes and machines
        runs = [self.create_run(tracker, experiment) for _ in range(ROUNDS)]
        others.in_rounds(_end_or_change, [(run.id,) for run in runs])
        # transition: Any other status that comes later
        for run in runs:
            record = tracker.get_run(run.id)
            assert (record.status, len(record.tags)) == (Status.COMPLETED, PROCESSES)
            assert record.ended is not None

    @pytest.mark.thorough
    def test_each_write_is_seen_by_other_processes(
        self, tracker: Tracker, experiment: ExperimentRecord, others: Others, tmp_path: Path
    ) -> None:
        """
        page: Other processes and machines change the same runs at the same time.
        get_run: The run with this id or alias, in this experiment, or in any if None.
        find_runs: The runs that match a query, and no others, read from the tracker while you
            iterate.
        """
        run = self.create_run(tracker, experiment)
        path, back = tmp_path / "file", tmp_path / "back"
        path.write_text("x")
        tagged = [Condition("tags", Op.EQ, "new", key="t")]
        query = RunQuery(experiment_ids=[experiment.id], conditions=tagged)

        def all_see() -> list[Any]:
            """Return what this process and all others see, which must be the same."""
            # page: Other processes and machines
            mine = _look(tracker, run.id, query)
            # Each of them has looked before the change, and must not return what it saw then.
            for theirs in others.at_once(_look, run.id, query):
                # get_run: The run with this id
                assert mine[0] == theirs[0]
                # find_runs: The runs that match
                assert mine[1] == theirs[1]
                # page: Other processes and machines
                assert mine[2:] == theirs[2:]
            return mine

        # page: Other processes and machines
        assert all_see()[1:] == [[], [], []]
        change = RunChange(tags={"t": "new"}, properties={"p": "x"}, name="named")
        tracker.update_run(run.id, change)
        # find_runs: The runs that match
        assert all_see()[1] == [run.id]
        others.in_one(_change, run.id, RunChange(tags={"u": "x"}, tags_removed=["t"]))
        assert all_see()[1] == []
        # page: Other processes and machines
        with pytest.raises(PropertyConflict):
            tracker.update_run(run.id, RunChange(properties={"p": "y"}))
        others.in_one(_change, run.id, RunChange(properties={"q": "x"}, status=Status.FAILED))
        with pytest.raises(PropertyConflict):
            tracker.update_run(run.id, RunChange(properties={"q": "y"}))
        # get_run: The run with this id
        assert all_see()[0].status == Status.FAILED
        # page: Other processes and machines
        tracker.write_points(run.id, [new_point("m", 1.0), new_point("m", "text", order=1)])
        assert all_see()[2] == [1.0, "text"]
        more = [
            new_point("m", 2, order=2, writer="other"),
            new_point("m", None, order=3, writer="other"),
        ]
        others.in_one(_write, run.id, more)
        assert all_see()[2] == [1.0, "text", 2, None]
        others.in_one(_put_one, run.id, "theirs", str(path))
        tracker.put_files(run.id, {"mine": path})
        assert all_see()[3] == ["mine", "theirs"]
        path.write_text("new")
        others.in_one(_put_one, run.id, "mine", str(path))
        tracker.get_file(run.id, "mine", back)
        assert back.read_text() == "new"

        change_of_tags = ExperimentChange(tags={"a": "1"})
        others.in_one(_change_experiment, experiment.id, change_of_tags)
        assert tracker.get_experiment(experiment.id).tags == {"a": "1"}
        with pytest.raises(RunNotFound):
            tracker.get_run("theirs", experiment.id)
        new_run = others.in_one(_create, experiment.id, "theirs")
        assert tracker.get_run("theirs", experiment.id).id == new_run.id
        numbers = tracker.run_numbers([run, new_run])
        assert numbers == others.in_one(_numbers, [run, new_run]) == [1, 2]
        tracker.update_experiment(experiment.id, ExperimentChange(archived=True))
        records = others.at_once(_get_experiment, experiment.id)
        assert None not in [record.archived for record in records]

    @pytest.mark.thorough
    def test_a_forked_process(
        self, tracker: Tracker, run: RunRecord, others: Others, experiment: ExperimentRecord
    ) -> None:
        """
        page: Other processes and machines change the same runs at the same time.
        """
        need_fork()
        for n in range(2):
            assert others.in_fork(_write_all, run.id, experiment.id, n) == 0
            others.in_one(_change, run.id, RunChange(tags={f"parent {n}": "x"}))
        record = tracker.get_run(run.id)
        assert record.tags == {f"{who} {n}": "x" for who in ("parent", "child") for n in range(2)}
        assert [point.value for point in tracker.read_points(run.id)] == [
            0.0,
            "text 0",
            1.0,
            "text 1",
        ]

    @pytest.mark.thorough
    def test_a_store_that_everybody_has_left(
        self, tracker: Tracker, experiment: ExperimentRecord, others: Others, tmp_path: Path
    ) -> None:
        """
        page: Other processes and machines change the same runs at the same time.
        """
        need_fork()
        run = self.create_run(tracker, experiment)
        path = tmp_path / "file"
        path.write_text("content")
        # Each process opens the tracker, writes, and ends before the next one starts.
        for n in range(2):
            assert others.in_fork(write_one, run.id, n, path) == 0
        check_written(tracker, run, 2, path)
        assert others.in_fork(check_written, run, 2, path) == 0


def _claim(tracker: Tracker, run_id: str, me: int) -> int | tuple[str, str, str]:
    tracker.get_run(run_id)
    try:
        return claim(tracker, run_id, me)
    except PropertyConflict as error:
        return error.key, error.kept, error.refused


def _tag(tracker: Tracker, run_id: str, me: int) -> None:
    for n in range(5):
        change = RunChange(tags={f"tag {me} {n}": "x"}, system={f"note{me}": str(n)})
        tracker.update_run(run_id, change)


RESENT = [
    *(new_point("m", value, order=n) for n, value in enumerate([1.0, 2, "x", None, True])),
    new_point("l", [1.0, 1.0], order=0, kind=Kind.LIST),
]


def _resend(tracker: Tracker, run_id: str, me: int) -> None:
    tracker.write_points(run_id, [*RESENT, new_point("m", 3, order=5)])


def _log(tracker: Tracker, run_id: str, me: int) -> None:
    for n in range(20):
        # The points have the same time, step and value. Only the writer is different.
        point = new_point("m", float(n), writer=f"process{me}", order=n)
        tracker.write_points(run_id, [point])


def _ensure(tracker: Tracker, name: str, me: int) -> str:
    return tracker.ensure_experiment(name).id


def _ask_for_id(tracker: Tracker, experiment_id: str, run_id: str, me: int) -> str | None:
    draft = RunDraft(experiment_id=experiment_id, created=current(), run_id=run_id)
    try:
        return tracker.create_runs([draft])[0].id
    except Refused:
        return None


def _put(tracker: Tracker, run_id: str, name: str, folder: str, me: int) -> bool:
    try:
        tracker.put_files(run_id, {name: Path(folder, f"local{me}")})
    except FileInRun:
        return False
    return True


def _put_one(tracker: Tracker, run_id: str, name: str, path: str) -> None:
    tracker.put_files(run_id, {name: Path(path)}, replace=True)


def _put_snapshot(tracker: Tracker, digest: str, archive: str, me: int) -> bool:
    tracker.put_snapshot(digest, Path(archive))
    return tracker.has_snapshot(digest)


def _change(tracker: Tracker, run_id: str, change: RunChange) -> None:
    tracker.update_run(run_id, change)


def _change_late(tracker: Tracker, run_id: str, status: str, me: int) -> None:
    tracker.update_run(run_id, RunChange(status=status, tags={f"{status} {me}": "x"}))


def _end_or_change(tracker: Tracker, run_id: str, me: int) -> None:
    """End the run in the first process, and request its end in the others."""
    status = Status.CANCEL_REQUESTED if me else Status.COMPLETED
    tracker.update_run(run_id, RunChange(status=status, tags={f"tag {me}": "x"}))


def _change_experiment(tracker: Tracker, experiment_id: str, change: ExperimentChange) -> None:
    tracker.update_experiment(experiment_id, change)


def _get_experiment(tracker: Tracker, experiment_id: str, me: int) -> ExperimentRecord:
    return tracker.get_experiment(experiment_id)


def _create(tracker: Tracker, experiment_id: str, run_id: str) -> RunRecord:
    draft = RunDraft(experiment_id=experiment_id, created=current(), run_id=run_id)
    return tracker.create_runs([draft])[0]


def _numbers(tracker: Tracker, runs: list[RunRecord]) -> list[int]:
    return tracker.run_numbers(runs)


def _write(tracker: Tracker, run_id: str, points: list[Any]) -> None:
    tracker.write_points(run_id, points)


def _look(tracker: Tracker, run_id: str, query: RunQuery, me: int = 0) -> list[Any]:
    """Return a run, the ids that match a query, the values of its points, and its files."""
    return [
        tracker.get_run(run_id),
        [run.id for run in tracker.find_runs(query)],
        [point.value for point in tracker.read_points(run_id)],
        tracker.list_files(run_id),
    ]


def _write_all(tracker: Tracker, run_id: str, experiment_id: str, n: int) -> None:
    """Use each part of the tracker once."""
    tracker.update_run(run_id, RunChange(tags={f"child {n}": "x"}))
    points = [new_point("m", float(n), order=2 * n), new_point("m", f"text {n}", order=2 * n + 1)]
    tracker.write_points(run_id, points)
    assert run_id in [run.id for run in tracker.find_runs(RunQuery(experiment_ids=[experiment_id]))]
    assert tracker.list_files(run_id) == []
