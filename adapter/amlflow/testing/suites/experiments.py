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
from amlflow.testing.suites.base import AWKWARD, SuiteBase


class ExperimentTests(SuiteBase):
    """What a tracker does with experiments."""

    def test_ensure_experiment_makes_it_once(self, tracker: Tracker) -> None:
        """ensure_experiment: the experiment of this name, made where there is none."""
        name = f"suite-{uuid.uuid4().hex}"
        made = tracker.ensure_experiment(name)
        assert made.name == name
        assert made.archived is None
        assert tracker.ensure_experiment(name).id == made.id

    def test_ensure_experiment_by_many_at_once(self, tracker: Tracker) -> None:
        """ensure_experiment: others work at the same time, and one name is one experiment."""
        name = f"suite-{uuid.uuid4().hex}"
        with ThreadPoolExecutor(8) as pool:
            ids = {each.id for each in pool.map(tracker.ensure_experiment, [name] * 8)}
        assert len(ids) == 1

    def test_get_experiment(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """get_experiment: the experiment of this id. Raises ExperimentNotFound."""
        assert tracker.get_experiment(experiment.id).name == experiment.name
        with pytest.raises(ExperimentNotFound):
            tracker.get_experiment("99999999")

    def test_list_experiments(self, tracker: Tracker) -> None:
        """list_experiments: all experiments, archived ones too, newest first."""
        made = [tracker.ensure_experiment(f"suite-{uuid.uuid4().hex}") for _ in range(3)]
        tracker.update_experiment(made[1].id, ExperimentChange(archived=True))
        wanted = [each.id for each in reversed(made)]
        assert [each.id for each in tracker.list_experiments() if each.id in wanted] == wanted

    def test_experiment_tags(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """update_experiment: tags are set and removed; None, empty and awkward texts come back."""
        tags: dict[str, str | None] = {key: key for key in AWKWARD}
        tags.update({"none": None, "empty": "", "gone": "x"})
        tracker.update_experiment(experiment.id, ExperimentChange(tags=tags))
        tracker.update_experiment(experiment.id, ExperimentChange(tags_removed=["gone", "never"]))
        del tags["gone"]
        assert tracker.get_experiment(experiment.id).tags == tags

    def test_archive_and_reactivate(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """update_experiment: archived says when; ensure_experiment leaves it so."""
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
        """RunQuery: None means all experiments, and archived ones are out of the way."""
        run = self.made(tracker, experiment, tags={"mark": experiment.name})
        mine = Condition("tags", Op.EQ, experiment.name, key="mark")
        found = [each.id for each in tracker.find_runs(RunQuery(conditions=[mine]))]
        assert run.id in found
        tracker.update_experiment(experiment.id, ExperimentChange(archived=True))
        found = [each.id for each in tracker.find_runs(RunQuery(conditions=[mine]))]
        assert run.id not in found

    def test_rename_experiment(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """update_experiment: a name is changed, and the id stays."""
        name = f"{experiment.name}-renamed"
        tracker.update_experiment(experiment.id, ExperimentChange(name=name))
        assert tracker.ensure_experiment(name).id == experiment.id

    def test_delete_experiment(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """delete_experiment: Refused where it has runs; else its name is free."""
        run = self.made(tracker, experiment)
        with pytest.raises(Refused):
            tracker.delete_experiment(experiment.id)
        assert tracker.get_run(run.id).experiment_id == experiment.id
        empty = tracker.ensure_experiment(f"suite-{uuid.uuid4().hex}")
        tracker.delete_experiment(empty.id)
        again = tracker.ensure_experiment(empty.name)
        assert again.id != empty.id
        assert again.archived is None
