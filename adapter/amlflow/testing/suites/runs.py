"""Tests of creating and finding single runs."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import cast

import pytest

from amlflow.layers.stack import open_direct
from amlflow.spec import (
    FINAL,
    UNSTARTED,
    Condition,
    ExperimentChange,
    ExperimentNotFound,
    ExperimentRecord,
    Feature,
    Kind,
    Op,
    QuickSearch,
    Refused,
    RunChange,
    RunDraft,
    RunNotFound,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
)
from amlflow.testing.suites.base import (
    MILLISECOND,
    START,
    UTC,
    SuiteBase,
    current,
    later,
    new_point,
    race,
)
from amlflow.testing.suites.cleaning import new_name


class RunTests(SuiteBase):
    """Tests of creating and finding single runs."""

    def test_a_draft_comes_back(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        RunDraft: A run to be created.
        RunRecord: root_id is the run's own id if it has no parent, and None if another client
            nested the run without naming a root.
        page: Times are timezone-aware datetimes in UTC.
        """
        created = current()
        record = self.create_run(
            tracker,
            experiment,
            name="a name",
            type="azureml.scriptrun",
            created=created,
            description="*what* it is",
            tags={"key": "value", "bare": None, "empty": "", "target": "a tag"},
            properties={"author": "me", "empty": "", "target": "a property"},
            system={"target": "local", "definition": '{"a": [1, 2]}'},
        )
        for read_record in (record, tracker.get_run(record.id)):
            # RunDraft: A run to be created.
            assert read_record.experiment_id == experiment.id
            assert read_record.alias is None
            assert read_record.parent_id is None
            # RunRecord: root_id is the run's own id
            assert read_record.root_id == read_record.id
            # RunDraft: A run to be created.
            assert read_record.name == "a name"
            assert read_record.type == "azureml.scriptrun"
            assert read_record.status == Status.RUNNING
            assert abs(read_record.created - created) <= MILLISECOND
            assert read_record.started == read_record.created
            assert read_record.ended is None
            assert read_record.description == "*what* it is"
            tags = {"key": "value", "bare": None, "empty": "", "target": "a tag"}
            assert read_record.tags == tags
            assert read_record.properties == {"author": "me", "empty": "", "target": "a property"}
            assert read_record.system == {"target": "local", "definition": '{"a": [1, 2]}'}
            # page: Times are timezone-aware
            assert read_record.created.utcoffset() == read_record.started.utcoffset() == UTC

    def test_times_wherever_the_machine_is(
        self, tracker: Tracker, experiment: ExperimentRecord, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """page: Times are timezone-aware datetimes in UTC."""
        with monkeypatch.context() as patched:
            patched.setenv("TZ", "Asia/Kolkata")
            time.tzset()
            try:
                created, ended = current(), later(60)
                run = self.create_run(tracker, experiment, created=created)
                tracker.update_run(run.id, RunChange(status=Status.COMPLETED, ended=ended))
                tracker.write_points(run.id, [new_point("m", 1.0)])
                record = tracker.get_run(run.id)
                [hit] = tracker.find_runs(RunQuery(experiment_ids=[experiment.id]))
                [point] = tracker.read_points(run.id)
            finally:
                patched.undo()
                time.tzset()
        times = [run.created, record.created, record.ended, hit.created, hit.ended, point.time]
        assert [moment and moment.utcoffset() for moment in times] == [UTC] * len(times)
        expected_times = [created, created, ended, created, ended, START]
        assert all(
            moment and abs(moment - expected) <= MILLISECOND
            for moment, expected in zip(times, expected_times, strict=True)
        )

    def test_what_is_given_and_given_back_is_of_its_moment(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        page: Methods must not keep references to their arguments; returned objects must not change
            later.
        """
        tags, value = {"a": "1"}, [1.0]
        run = self.create_run(tracker, experiment, tags=tags)
        tracker.write_points(run.id, [new_point("m", value, kind=Kind.LIST)])
        tags["b"] = "2"
        value.append(2.0)
        read_record = tracker.get_run(run.id)
        change = RunChange(tags={"a": "new", "c": "3"}, status=Status.COMPLETED)
        tracker.update_run(run.id, change)
        for record in (run, read_record):
            assert (record.tags, record.status) == ({"a": "1"}, Status.RUNNING)
        assert [point.value for point in tracker.read_points(run.id)] == [[1.0]]

    def test_runs_made_by_many_threads(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        Tracker: Its methods can be called from several threads.
        page: Ids are opaque strings that the tracker chooses; it never uses one twice.
        run_numbers: The number of each run in its experiment by creation, from 1, children
            included.
        """
        now = current()
        # Tracker: Its methods can be called
        outcomes = race(8, lambda me: self.create_run(tracker, experiment, created=now))
        runs = [outcome for outcome in outcomes if isinstance(outcome, RunRecord)]
        assert len(runs) == 8, outcomes
        # page: Ids are opaque strings
        assert len({record.id for record in runs}) == 8, outcomes
        # Tracker: Its methods can be called
        records = list(tracker.find_runs(RunQuery(experiment_ids=[experiment.id])))
        assert [record.id for record in records] == sorted(record.id for record in runs)
        # run_numbers: The number of each run
        assert sorted(tracker.run_numbers(runs)) == list(range(1, 9))

    def test_a_run_of_no_experiment(self, tracker: Tracker) -> None:
        """create_runs: Raises ExperimentNotFound."""
        with pytest.raises(ExperimentNotFound):
            tracker.create_runs([RunDraft(experiment_id="99999999", created=current())])

    def test_many_at_once_keep_their_order(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        create_runs: Create runs, in this order, as fast as the tracker can create many.
        page: Ids are opaque strings that the tracker chooses; it never uses one twice.
        """
        now = current()
        drafts = [
            self.draft(experiment, tags={"place": str(index)}, created=now + index * MILLISECOND)
            for index in range(20)
        ]
        # create_runs: Create runs, in this order
        created = tracker.create_runs(drafts)
        assert [record.tags["place"] for record in created] == [str(index) for index in range(20)]
        # page: Ids are opaque strings
        assert len({record.id for record in created}) == 20
        # create_runs: Create runs, in this order
        records = list(tracker.find_runs(RunQuery(experiment_ids=[experiment.id])))
        assert [record.id for record in records] == [record.id for record in reversed(created)]

    def test_no_drafts(self, tracker: Tracker) -> None:
        """create_runs: Create runs, in this order, as fast as the tracker can create many."""
        assert tracker.create_runs([]) == []

    def test_an_asked_for_id(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        RunDraft: run_id is an id that the caller requests, or None.
        RunRecord: alias is the id that the caller requested; users see it instead of id.
        RunRecord: id is the tracker's id; every method takes it.
        get_run: The run with this id or alias, in this experiment, or in any if None.
        """
        # RunDraft: run_id is an id that the caller requests
        record = self.create_run(tracker, experiment, run_id="my-run_1.a")
        # RunRecord: alias is the id that the caller requested
        assert record.alias == "my-run_1.a"
        # get_run: The run with this id or alias
        assert tracker.get_run("my-run_1.a", experiment.id).id == record.id
        # RunRecord: id is the tracker's id
        assert tracker.get_run(record.id, experiment.id).alias == "my-run_1.a"
        # get_run: The run with this id or alias
        assert tracker.get_run("my-run_1.a").id == record.id
        for other in ("MY-RUN_1.A", "my-run-1.a", "my-run_1.a "):
            with pytest.raises(RunNotFound):
                tracker.get_run(other, experiment.id)

    def test_an_asked_for_id_in_a_race(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        create_runs: If the experiment already has a requested id, even if another process creates
            it at the same time, the call is Refused and no run is created.
        """
        outcomes = race(16, lambda me: self.create_run(tracker, experiment, run_id="wanted"))
        created = [outcome for outcome in outcomes if isinstance(outcome, RunRecord)]
        assert len(created) == 1, outcomes
        assert all(isinstance(outcome, (RunRecord, Refused)) for outcome in outcomes)
        records = list(tracker.find_runs(RunQuery(experiment_ids=[experiment.id])))
        assert [record.id for record in records] == [created[0].id]
        assert tracker.get_run("wanted", experiment.id).id == created[0].id

    @pytest.mark.parametrize(
        "status", [Status.QUEUED, Status.PREPARING, Status.COMPLETED, Status.CANCELED]
    )
    def test_a_draft_of_any_status(
        self, tracker: Tracker, experiment: ExperimentRecord, status: str
    ) -> None:
        """
        RunDraft: A run to be created.
        UNSTARTED: The statuses of a run that has not begun; see transition.
        """
        run = self.create_run(tracker, experiment, status=status)
        record = tracker.get_run(run.id)
        # RunDraft: A run to be created.
        assert run.status == record.status == status
        # UNSTARTED: The statuses of a run
        assert (record.started is None) == (status in UNSTARTED)
        # RunDraft: A run to be created.
        assert (record.ended is None) == (status not in FINAL)
        assert run == record

    def test_its_features_and_address(
        self, tracker: Tracker, run: RunRecord, request: pytest.FixtureRequest
    ) -> None:
        """
        features: What the tracker does natively.
        Feature: A tracker is never asked for a feature that it does not claim: amlflow's layers add
            it with what every tracker does, above all system notes and requested ids that stay
            unique when several processes request the same one, or raise Unsupported.
        uri: The absolute URI that it was opened with.
        """
        # features: What the tracker does natively.
        assert tracker.features <= set(Feature)
        # Feature: A tracker is never asked
        # No layer can add these features.
        own = {Feature.DELETE, Feature.MODELS, Feature.ORDER, Feature.SHARED}
        assert set(Feature) - own <= tracker.features
        # uri: The absolute URI
        if Feature.SHARED in tracker.features:
            assert tracker.uri == request.getfixturevalue("uri")
            assert open_direct(tracker.uri).get_run(run.id).id == run.id
        else:
            assert ":" in tracker.uri

    def test_a_deleted_run_is_restored(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        delete_run: Take a run out of all searches; its child runs stay, and get_run still returns
            it.
        delete_run: To delete a deleted run changes nothing.
        RunRecord: deleted tells that the run was deleted by itself (delete_run); searches do not
            find it.
        restore_run: Undo delete_run: searches find the run again, with all that it had.
        restore_run: To restore a run that is not deleted changes nothing.
        delete_run: Raises RunNotFound.
        restore_run: Raises RunNotFound.
        """
        self.needs(tracker, Feature.DELETE)
        some = {"tags": {"a": "b"}, "properties": {"c": "d"}}
        run = self.create_run(tracker, experiment, run_id="kept", **some)
        family = {"parent_id": run.id, "root_id": run.id}
        child = self.create_run(tracker, experiment, created=later(1), **family)
        other = self.create_run(tracker, experiment, created=later(2))
        tracker.write_points(run.id, [new_point("loss", 0.5)])
        tracker.update_run(run.id, RunChange(status=Status.COMPLETED, ended=later(3)))
        before = tracker.get_run(run.id)
        # delete_run: Take a run out
        tracker.delete_run(run.id)
        assert self._run_ids(tracker, experiment) == [other.id, child.id]
        assert tracker.get_run(run.id).id == tracker.get_run("kept", experiment.id).id == run.id
        # delete_run: To delete a deleted run
        tracker.delete_run(run.id)
        assert self._run_ids(tracker, experiment) == [other.id, child.id]
        # RunRecord: deleted tells
        assert tracker.get_run(run.id).deleted
        assert not tracker.get_run(child.id).deleted
        tracker.update_experiment(experiment.id, ExperimentChange(archived=True))
        assert [tracker.get_run(run_id).deleted for run_id in (run.id, child.id)] == [True, False]
        tracker.update_experiment(experiment.id, ExperimentChange(archived=False))
        assert self._run_ids(tracker, experiment) == [other.id, child.id]
        # restore_run: Undo delete_run
        tracker.restore_run(run.id)
        assert self._run_ids(tracker, experiment) == [other.id, child.id, run.id]
        # restore_run: To restore a run
        tracker.restore_run(run.id)
        assert self._run_ids(tracker, experiment) == [other.id, child.id, run.id]
        # restore_run: Undo delete_run
        assert tracker.get_run(run.id) == before
        assert [point.value for point in tracker.read_points(run.id)] == [0.5]
        # delete_run: Raises RunNotFound.
        with pytest.raises(RunNotFound):
            tracker.delete_run("missing")
        # restore_run: Raises RunNotFound.
        with pytest.raises(RunNotFound):
            tracker.restore_run("missing")

    def test_an_experiment_whose_runs_are_deleted(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        delete_experiment: Runs that are deleted do not count.
        delete_experiment: Delete an experiment and free its name; Refused if it has runs.
        """
        self.needs(tracker, Feature.DELETE)
        runs = [self.create_run(tracker, experiment) for _ in range(2)]
        tracker.delete_run(runs[0].id)
        # delete_experiment: Delete an experiment
        with pytest.raises(Refused):
            tracker.delete_experiment(experiment.id)
        # delete_experiment: Runs that are deleted do not count.
        tracker.delete_run(runs[1].id)
        tracker.delete_experiment(experiment.id)
        # delete_experiment: Delete an experiment
        assert tracker.ensure_experiment(experiment.name).id != experiment.id

    @staticmethod
    def _run_ids(tracker: Tracker, experiment: ExperimentRecord) -> list[str]:
        """Return the runs' ids. Checks that a search, a count and a search by a tag agree."""
        query = RunQuery(experiment_ids=[experiment.id])
        run_ids = [run.id for run in tracker.find_runs(query)]
        count = cast(QuickSearch, tracker).count_runs(query)
        assert count in (None, len(run_ids))
        everywhere = {run.id for run in tracker.find_runs(RunQuery())}
        assert set(run_ids) <= everywhere
        tagged = RunQuery(
            experiment_ids=[experiment.id], conditions=[Condition("tags", Op.EQ, "b", key="a")]
        )
        assert {run.id for run in tracker.find_runs(tagged)} <= set(run_ids)
        return run_ids

    def test_an_asked_for_id_is_unique(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        create_runs: If the experiment already has a requested id, even if another process creates
            it at the same time, the call is Refused and no run is created.
        """
        first = self.create_run(tracker, experiment, run_id="taken")
        with pytest.raises(Refused):
            self.create_run(tracker, experiment, run_id=first.id)
        with pytest.raises(Refused):
            tracker.create_runs([self.draft(experiment), self.draft(experiment, run_id="taken")])
        twice = [self.draft(experiment, run_id="twice"), self.draft(experiment, run_id="twice")]
        with pytest.raises(Refused):
            tracker.create_runs(twice)
        assert len(list(tracker.find_runs(RunQuery(experiment_ids=[experiment.id])))) == 1
        other = tracker.ensure_experiment(new_name())
        assert self.create_run(tracker, other, run_id="taken").alias == "taken"
        for owner in (experiment, other):
            assert tracker.get_run("taken", owner.id).experiment_id == owner.id

    @pytest.mark.parametrize("run_id", ["missing", "0" * 32, "it's", '"', "😀"])
    def test_unknown_ids(self, tracker: Tracker, experiment: ExperimentRecord, run_id: str) -> None:
        """
        get_run: Raises RunNotFound.
        RunNotFound: No run has this id.
        """
        # get_run: Raises RunNotFound.
        with pytest.raises(RunNotFound) as caught:
            tracker.get_run(run_id)
        # RunNotFound: No run has this id.
        assert caught.value.run_id == run_id
        # get_run: Raises RunNotFound.
        with pytest.raises(RunNotFound):
            tracker.get_run(run_id, experiment.id)

    def test_a_run_of_another_experiment(
        self, tracker: Tracker, experiment: ExperimentRecord, run: RunRecord
    ) -> None:
        """get_run: The run with this id or alias, in this experiment, or in any if None."""
        other = tracker.ensure_experiment(new_name())
        with pytest.raises(RunNotFound):
            tracker.get_run(run.id, other.id)

    def test_calls_on_unknown_runs(self, tracker: Tracker, tmp_path: Path) -> None:
        """
        update_run: Raises RunNotFound, PropertyConflict, Refused.
        read_points: Raises RunNotFound.
        put_files: Raises RunNotFound, and Refused for a name that check_file_name refuses.
        list_files: Raises RunNotFound.
        """
        path = tmp_path / "file"
        path.write_text("x")
        missing = uuid.uuid4().hex
        # update_run: Raises RunNotFound
        for change in (
            RunChange(tags={"a": "b"}),
            RunChange(tags_removed=["a"]),
            RunChange(properties={"a": "b"}),
            RunChange(status=Status.COMPLETED),
        ):
            with pytest.raises(RunNotFound):
                tracker.update_run(missing, change)
        # read_points: Raises RunNotFound.
        with pytest.raises(RunNotFound):
            tracker.read_points(missing)
        # put_files: Raises RunNotFound
        with pytest.raises(RunNotFound):
            tracker.put_files(missing, {"a": path})
        # list_files: Raises RunNotFound.
        with pytest.raises(RunNotFound):
            tracker.list_files(missing)

    def test_points_of_unknown_runs(self, tracker: Tracker) -> None:
        """write_points: Raises RunNotFound."""
        with pytest.raises(RunNotFound):
            tracker.write_points("0" * 32, [new_point("a", 1.0)])

    def test_numbers(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        run_numbers: The number of each run in its experiment by creation, from 1, children
            included.
        """
        first = self.create_run(tracker, experiment)
        child = self.create_run(
            tracker, experiment, parent_id=first.id, root_id=first.id, created=later(1)
        )
        third = self.create_run(tracker, experiment, created=later(2))
        assert tracker.run_numbers([third]) == [3]
        assert tracker.run_numbers([first]) == [1]
        assert tracker.run_numbers([child]) == [2]
        fourth = self.create_run(tracker, experiment, created=later(3))
        assert tracker.run_numbers([fourth]) == [4]
        assert tracker.run_numbers([tracker.get_run(third.id)]) == [3]
        stranger = self.create_run(tracker, tracker.ensure_experiment(new_name()))
        assert tracker.run_numbers([third, stranger, first]) == [3, 1, 1]
        assert tracker.run_numbers([]) == []
