"""Experiments."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

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
from amlflow.testing.suites.base import FEW, LONG, SuiteBase, refuses


class ExperimentTests(SuiteBase):
    """What a tracker does with experiments."""

    def test_ensure_experiment_makes_it_once(self, tracker: Tracker) -> None:
        """
        ensure_experiment: The experiment of this name, made where there is none; archived ones as
            they are.
        """
        name = f"suite-{uuid.uuid4().hex}"
        made = tracker.ensure_experiment(name)
        assert made.name == name
        assert made.archived is None
        assert made.tags == {}
        assert made.created.tzinfo is not None
        assert tracker.ensure_experiment(name).id == made.id

    def test_ensure_experiment_by_many_at_once(self, tracker: Tracker) -> None:
        """
        Tracker: Safe to use from several threads.
        ensure_experiment: The experiment of this name, made where there is none; archived ones as
            they are.
        """
        name = f"suite-{uuid.uuid4().hex}"
        with ThreadPoolExecutor(8) as pool:
            ids = {each.id for each in pool.map(tracker.ensure_experiment, [name] * 8)}
        assert len(ids) == 1

    def test_awkward_experiment_names(self, tracker: Tracker) -> None:
        """
        page: Keys, names and values are any text, empty and awkward ones included; what a tracker
            cannot keep exactly it refuses with Refused.
        """
        names = [f"{text} {uuid.uuid4().hex}" for text in [*FEW, "x" * LONG]]
        made = {name: None for name in names if not refuses(tracker.ensure_experiment, name)}
        assert len(made) >= len(FEW)
        listed = [each.name for each in tracker.list_experiments()]
        assert [name for name in reversed(made) if name in listed] == list(reversed(made))

    def test_unknown_experiments(self, tracker: Tracker) -> None:
        """
        update_experiment: Raises ExperimentNotFound.
        delete_experiment: Raises ExperimentNotFound.
        ExperimentNotFound: No experiment has this id.
        """
        for change in (
            ExperimentChange(tags={"a": "b"}),
            ExperimentChange(name=f"suite-{uuid.uuid4().hex}"),
            ExperimentChange(archived=True),
        ):
            with pytest.raises(ExperimentNotFound):
                tracker.update_experiment("99999999", change)
        with pytest.raises(ExperimentNotFound):
            tracker.delete_experiment("99999999")

    def test_get_experiment(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        get_experiment: The experiment of this id.
        get_experiment: Raises ExperimentNotFound.
        """
        assert tracker.get_experiment(experiment.id).name == experiment.name
        with pytest.raises(ExperimentNotFound):
            tracker.get_experiment("99999999")

    def test_list_experiments(self, tracker: Tracker) -> None:
        """list_experiments: All experiments, archived ones too, newest first."""
        made = [tracker.ensure_experiment(f"suite-{uuid.uuid4().hex}") for _ in range(3)]
        tracker.update_experiment(made[1].id, ExperimentChange(archived=True))
        wanted = [each.id for each in reversed(made)]
        assert [each.id for each in tracker.list_experiments() if each.id in wanted] == wanted

    def test_experiment_tags(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        page: Keys, names and values are any text, empty and awkward ones included; what a tracker
            cannot keep exactly it refuses with Refused.
        update_experiment: Apply a change.
        ExperimentChange: What to change in an experiment; what is left out stays.
        """
        tags: dict[str, str | None] = {key: key for key in FEW}
        tags.update({"none": None, "empty": "", "gone": "x"})
        tracker.update_experiment(experiment.id, ExperimentChange(tags=tags))
        tracker.update_experiment(experiment.id, ExperimentChange(tags_removed=["gone", "never"]))
        del tags["gone"]
        assert tracker.get_experiment(experiment.id).tags == tags

    def test_archive_and_reactivate(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        ensure_experiment: The experiment of this name, made where there is none; archived ones as
            they are.
        update_experiment: Apply a change.
        """
        run = self.made(tracker, experiment)
        tracker.update_experiment(experiment.id, ExperimentChange(archived=True))
        archived = tracker.ensure_experiment(experiment.name)
        assert archived.id == experiment.id
        assert archived.archived is not None
        assert archived.archived.tzinfo is not None
        tracker.update_experiment(experiment.id, ExperimentChange(archived=False))
        assert tracker.get_experiment(experiment.id).archived is None
        assert tracker.get_run(run.id).id == run.id

    def test_archived_experiments_are_not_searched_by_default(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """RunQuery: None means all experiments that are not archived."""
        run = self.made(tracker, experiment, tags={"mark": experiment.name})
        mine = Condition("tags", Op.EQ, experiment.name, key="mark")
        found = [each.id for each in tracker.find_runs(RunQuery(conditions=[mine]))]
        assert run.id in found
        tracker.update_experiment(experiment.id, ExperimentChange(archived=True))
        found = [each.id for each in tracker.find_runs(RunQuery(conditions=[mine]))]
        assert run.id not in found

    def test_rename_experiment(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """
        update_experiment: Apply a change.
        ExperimentChange: What to change in an experiment; what is left out stays.
        """
        name = f"{experiment.name}-renamed"
        tracker.update_experiment(experiment.id, ExperimentChange(name=name))
        assert tracker.ensure_experiment(name).id == experiment.id

    def test_delete_experiment(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """delete_experiment: Remove an experiment and free its name; Refused where it has runs."""
        run = self.made(tracker, experiment)
        with pytest.raises(Refused):
            tracker.delete_experiment(experiment.id)
        assert tracker.get_run(run.id).experiment_id == experiment.id
        empty = tracker.ensure_experiment(f"suite-{uuid.uuid4().hex}")
        tracker.delete_experiment(empty.id)
        again = tracker.ensure_experiment(empty.name)
        assert again.id != empty.id
        assert again.archived is None
