"""Tests of experiments."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from amlflow.optional_members import member
from amlflow.spec import (
    Condition,
    ExperimentChange,
    ExperimentNotFound,
    ExperimentRecord,
    Op,
    Refused,
    RunQuery,
    Tracker,
)
from amlflow.testing.suites.base import ALIKE, FEW, LONG, UTC, SuiteBase, later, race, refuses
from amlflow.testing.suites.cleaning import new_name


class ExperimentTests(SuiteBase):
    """Tests of experiments."""

    def test_ensure_experiment_makes_it_once(self, tracker: Tracker) -> None:
        """
        ensure_experiment: The experiment with this name, created if there is none; an archived one
            stays so.
        """
        name = new_name()
        record = tracker.ensure_experiment(name)
        assert record.name == name
        assert record.archived is None
        assert record.tags == {}
        assert record.created.utcoffset() == UTC
        assert tracker.ensure_experiment(name).id == record.id

    def test_ensure_experiment_by_many_at_once(self, tracker: Tracker) -> None:
        """
        Tracker: Its methods can be called from several threads.
        ensure_experiment: The experiment with this name, created if there is none; an archived one
            stays so.
        """
        name = new_name()
        # Tracker: Its methods can be called
        with ThreadPoolExecutor(8) as pool:
            ids = {record.id for record in pool.map(tracker.ensure_experiment, [name] * 8)}
        # ensure_experiment: The experiment with this name
        assert len(ids) == 1

    def test_find_experiment_creates_none(self, tracker: Tracker) -> None:
        """
        find_experiment: The experiment with this name, or None; it creates none, so a reader may
            call it.
        """
        name, find = new_name(), member(tracker, "find_experiment")
        assert find(name) is None
        assert name not in [record.name for record in tracker.list_experiments()]
        experiment = tracker.ensure_experiment(name)
        assert find(name) == experiment

    def test_awkward_experiment_names(self, tracker: Tracker) -> None:
        """
        page: Keys, names and values can be any text, also an empty one; a tracker raises Refused
            for a text that it cannot store exactly.
        """
        mark = new_name()
        names = [f"{text} {mark} {text}" for text in [*FEW, *ALIKE, "x" * LONG]]
        accepted = {name: None for name in names if not refuses(tracker.ensure_experiment, name)}
        assert len(accepted) >= len(FEW) + len(ALIKE)
        list_names = [record.name for record in tracker.list_experiments()]
        assert [name for name in reversed(accepted) if name in list_names] == list(
            reversed(accepted)
        )

    def test_experiments_that_are_made_while_they_are_listed(self, tracker: Tracker) -> None:
        """
        list_experiments: All experiments, also archived ones, newest first.
        page: Other processes and machines change the same runs at the same time.
        """
        mark = new_name()
        ids = [tracker.ensure_experiment(f"suite-{mark}-{n}").id for n in range(3)]
        list_ids = []
        for record in tracker.list_experiments():
            list_ids.append(record.id)
            if len(list_ids) < 3:
                tracker.ensure_experiment(f"suite-{mark}-new-{len(list_ids)}")
            if record.id == ids[0]:
                break
        # list_experiments: All experiments
        assert [each for each in list_ids if each in ids] == ids[::-1]
        # page: Other processes and machines
        assert len(set(list_ids)) == len(list_ids)

    def test_unknown_experiments(self, tracker: Tracker) -> None:
        """
        update_experiment: Raises ExperimentNotFound, and Refused if another experiment has the
            name.
        delete_experiment: Raises ExperimentNotFound.
        ExperimentNotFound: No experiment has this id.
        """
        # update_experiment: Raises ExperimentNotFound
        for change in (
            ExperimentChange(tags={"a": "b"}),
            ExperimentChange(tags_removed=["a"]),
            ExperimentChange(name=new_name()),
            ExperimentChange(archived=True),
        ):
            with pytest.raises(ExperimentNotFound) as caught:
                tracker.update_experiment("99999999", change)
        # ExperimentNotFound: No experiment
        assert "99999999" in caught.value.message
        # delete_experiment: Raises ExperimentNotFound.
        with pytest.raises(ExperimentNotFound):
            tracker.delete_experiment("99999999")

    def test_get_experiment(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        get_experiment: The experiment with this id.
        get_experiment: Raises ExperimentNotFound.
        """
        # get_experiment: The experiment with this id.
        assert tracker.get_experiment(experiment.id).name == experiment.name
        # get_experiment: Raises ExperimentNotFound.
        with pytest.raises(ExperimentNotFound):
            tracker.get_experiment("99999999")

    def test_list_experiments(self, tracker: Tracker) -> None:
        """list_experiments: All experiments, also archived ones, newest first."""
        records = [tracker.ensure_experiment(new_name()) for _ in range(3)]
        tracker.update_experiment(records[1].id, ExperimentChange(archived=True))
        ids = [record.id for record in reversed(records)]
        assert [record.id for record in tracker.list_experiments() if record.id in ids] == ids

    def test_experiment_tags(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        page: Keys, names and values can be any text, also an empty one; a tracker raises Refused
            for a text that it cannot store exactly.
        update_experiment: Apply a change.
        """
        tags: dict[str, str | None] = {key: key for key in [*FEW, *ALIKE]}
        tags.update({"none": None, "empty": ""})
        # update_experiment: Apply a change.
        tracker.update_experiment(experiment.id, ExperimentChange(tags=tags))
        stored = tracker.get_experiment(experiment.id).tags
        assert len(stored) == len(tags)
        # page: Keys, names and values can be any text
        assert stored == tags

    @pytest.mark.known_limit("removed-experiment-tags")
    def test_removed_experiment_tags(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        update_experiment: Apply a change.
        ExperimentChange: A change to an experiment; what is not given stays as it is.
        ExperimentChange: A tag that is both set and removed is removed.
        """
        tags: dict[str, str | None] = {"stays": "a", "gone": "b", "größe: ː": "c"}
        tracker.update_experiment(experiment.id, ExperimentChange(tags=tags))
        # update_experiment: Apply a change.
        change = ExperimentChange(
            tags={"both": "x"}, tags_removed=["gone", "never", "both", "größe: ː"]
        )
        tracker.update_experiment(experiment.id, change)
        stored = tracker.get_experiment(experiment.id).tags
        # ExperimentChange: A tag that is both set
        assert "both" not in stored
        # ExperimentChange: A change to an experiment
        assert stored.get("stays") == "a"
        # update_experiment: Apply a change.
        assert stored == {"stays": "a"}

    def test_tags_of_an_experiment_by_many_threads(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """Tracker: Its methods can be called from several threads."""

        def tag(me: int) -> None:
            tracker.update_experiment(experiment.id, ExperimentChange(tags={f"tag {me}": "x"}))

        assert race(8, tag) == [None] * 8
        tags = tracker.get_experiment(experiment.id).tags
        assert tags == {f"tag {me}": "x" for me in range(8)}

    def test_archive_and_reactivate(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        ensure_experiment: The experiment with this name, created if there is none; an archived one
            stays so.
        update_experiment: Apply a change.
        page: Times are timezone-aware datetimes in UTC.
        """
        run = self.create_run(tracker, experiment)
        # update_experiment: Apply a change.
        for _ in range(2):  # the second time there is nothing to do
            tracker.update_experiment(experiment.id, ExperimentChange(archived=True))
        tag = ExperimentChange(tags={"a": "b"})
        refused = refuses(tracker.update_experiment, experiment.id, tag)
        archived = tracker.get_experiment(experiment.id)
        assert archived.archived is not None
        assert archived.tags == ({} if refused else {"a": "b"})
        # ensure_experiment: The experiment with this name
        ensured = tracker.ensure_experiment(experiment.name)
        assert ensured == archived
        assert ensured.archived is not None
        # page: Times are timezone-aware
        assert archived.archived.utcoffset() == archived.created.utcoffset() == UTC
        assert ensured.archived.utcoffset() == UTC
        # update_experiment: Apply a change.
        for _ in range(2):
            tracker.update_experiment(experiment.id, ExperimentChange(archived=False))
        assert tracker.get_experiment(experiment.id).archived is None
        assert tracker.get_run(run.id).id == run.id

    def test_archived_experiments_are_not_searched_by_default(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """
        RunQuery: If experiment_ids is None, all experiments that are not archived are searched.
        RunQuery: Which runs to find: those of the experiments that meet all conditions.
        get_run: The run with this id or alias, in this experiment, or in any if None.
        """
        run = self.create_run(tracker, experiment, tags={"mark": experiment.name})
        mine = Condition("tags", Op.EQ, experiment.name, key="mark")
        # RunQuery: If experiment_ids is None
        run_ids = [record.id for record in tracker.find_runs(RunQuery(conditions=[mine]))]
        assert run.id in run_ids
        tracker.update_experiment(experiment.id, ExperimentChange(archived=True))
        run_ids = [record.id for record in tracker.find_runs(RunQuery(conditions=[mine]))]
        assert run.id not in run_ids
        # get_run: The run with this id or alias
        assert tracker.get_run(run.id).id == run.id
        # RunQuery: Which runs to find
        active = tracker.ensure_experiment(new_name())
        other = self.create_run(tracker, active, created=later(1))
        for experiments, runs in (([experiment], [run]), ([active, experiment], [other, run])):
            query = RunQuery(experiment_ids=[record.id for record in experiments])
            assert [record.id for record in tracker.find_runs(query)] == [
                record.id for record in runs
            ]

    def test_rename_experiment(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        update_experiment: Apply a change.
        ExperimentChange: A change to an experiment; what is not given stays as it is.
        update_experiment: Raises ExperimentNotFound, and Refused if another experiment has the
            name.
        """
        name = f"{experiment.name}-renamed"
        # update_experiment: Apply a change.
        tracker.update_experiment(experiment.id, ExperimentChange(tags={"a": "b"}))
        tracker.update_experiment(experiment.id, ExperimentChange(name=name))
        record = tracker.ensure_experiment(name)
        assert record.id == experiment.id
        # ExperimentChange: A change to an experiment
        assert (record.tags, record.archived) == ({"a": "b"}, None)
        # update_experiment: Apply a change.
        other = tracker.ensure_experiment(experiment.name)
        assert other.id != experiment.id
        # update_experiment: Raises ExperimentNotFound, and Refused
        with pytest.raises(Refused):
            tracker.update_experiment(other.id, ExperimentChange(name=name, tags={"a": "b"}))
        assert tracker.get_experiment(other.id) == other

    def test_delete_experiment(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """delete_experiment: Delete an experiment and free its name; Refused if it has runs."""
        run = self.create_run(tracker, experiment)
        with pytest.raises(Refused):
            tracker.delete_experiment(experiment.id)
        assert tracker.get_run(run.id).experiment_id == experiment.id
        empty = tracker.ensure_experiment(new_name())
        tracker.delete_experiment(empty.id)
        with pytest.raises(ExperimentNotFound):
            tracker.get_experiment(empty.id)
        assert empty.id not in {record.id for record in tracker.list_experiments()}
        again = tracker.ensure_experiment(empty.name)
        assert again.id != empty.id
        assert again.archived is None
