"""Making and finding single runs."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from amlflow.spec import (
    ExperimentRecord,
    Refused,
    RunChange,
    RunNotFound,
    RunQuery,
    RunRecord,
    Status,
    Tracker,
)
from amlflow.testing.suites.base import MILLISECOND, SuiteBase, current, later, logged


class RunTests(SuiteBase):
    """What a tracker does with runs."""

    def test_a_draft_comes_back(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """create_runs: the record has what the draft says."""
        created = current()
        record = self.made(
            tracker,
            experiment,
            name="a name",
            type="azureml.scriptrun",
            created=created,
            description="*what* it is",
            tags={"key": "value", "bare": None, "empty": ""},
            properties={"author": "me", "empty": ""},
            system={"target": "local", "definition": '{"a": [1, 2]}'},
        )
        for found in (record, tracker.get_run(record.id)):
            assert found.experiment_id == experiment.id
            assert found.alias is None
            assert found.parent_id is None
            assert found.root_id == found.id
            assert found.name == "a name"
            assert found.type == "azureml.scriptrun"
            assert found.status == Status.RUNNING
            assert abs(found.created - created) <= MILLISECOND
            assert found.started == found.created
            assert found.ended is None
            assert found.description == "*what* it is"
            assert found.tags == {"key": "value", "bare": None, "empty": ""}
            assert found.properties == {"author": "me", "empty": ""}
            assert found.system == {"target": "local", "definition": '{"a": [1, 2]}'}

    def test_many_at_once_keep_their_order(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """create_runs: make runs, in this order."""
        now = current()
        drafts = [
            self.draft(experiment, tags={"place": str(place)}, created=now + place * MILLISECOND)
            for place in range(20)
        ]
        made = tracker.create_runs(drafts)
        assert [each.tags["place"] for each in made] == [str(place) for place in range(20)]
        found = list(tracker.find_runs(RunQuery(experiment_ids=[experiment.id])))
        assert [each.id for each in found] == [each.id for each in reversed(made)]

    def test_no_drafts(self, tracker: Tracker) -> None:
        """create_runs: none are none."""
        assert tracker.create_runs([]) == []

    def test_an_asked_for_id(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """create_runs: an asked-for id is the alias, and get_run takes it as well as the id."""
        record = self.made(tracker, experiment, run_id="my-run_1.a")
        assert record.alias == "my-run_1.a"
        assert tracker.get_run("my-run_1.a", experiment.id).id == record.id
        assert tracker.get_run(record.id, experiment.id).alias == "my-run_1.a"

    def test_an_asked_for_id_is_unique(
        self, tracker: Tracker, experiment: ExperimentRecord
    ) -> None:
        """create_runs: an asked-for id that is taken is Refused, and no run is made."""
        self.made(tracker, experiment, run_id="taken")
        with pytest.raises(Refused, match="taken"):
            tracker.create_runs([self.draft(experiment), self.draft(experiment, run_id="taken")])
        assert len(list(tracker.find_runs(RunQuery(experiment_ids=[experiment.id])))) == 1
        other = tracker.ensure_experiment(f"suite-{uuid.uuid4().hex}")
        assert self.made(tracker, other, run_id="taken").alias == "taken"

    @pytest.mark.parametrize("run_id", ["missing", "0" * 32, "it's", '"', "😀"])
    def test_unknown_ids(self, tracker: Tracker, experiment: ExperimentRecord, run_id: str) -> None:
        """get_run: raises RunNotFound."""
        with pytest.raises(RunNotFound) as caught:
            tracker.get_run(run_id)
        assert caught.value.run_id == run_id
        with pytest.raises(RunNotFound):
            tracker.get_run(run_id, experiment.id)

    def test_a_run_of_another_experiment(
        self, tracker: Tracker, experiment: ExperimentRecord, run: RunRecord
    ) -> None:
        """get_run: the run in this experiment, or in any."""
        other = tracker.ensure_experiment(f"suite-{uuid.uuid4().hex}")
        with pytest.raises(RunNotFound):
            tracker.get_run(run.id, other.id)

    def test_calls_on_unknown_runs(self, tracker: Tracker, tmp_path: Path) -> None:
        """update_run and the others: raise RunNotFound and do nothing."""
        path = tmp_path / "file"
        path.write_text("x")
        missing = uuid.uuid4().hex
        calls: list[Callable[[], object]] = [
            lambda: tracker.update_run(missing, RunChange(tags={"a": "b"})),
            lambda: tracker.update_run(missing, RunChange(properties={"a": "b"})),
            lambda: tracker.update_run(missing, RunChange(status=Status.COMPLETED)),
            lambda: tracker.write_points(missing, [logged("a", 1.0)]),
            lambda: tracker.read_points(missing),
            lambda: tracker.put_files(missing, {"a": path}),
            lambda: tracker.list_files(missing),
        ]
        for call in calls:
            with pytest.raises(RunNotFound):
                call()

    def test_numbers(self, tracker: Tracker, experiment: ExperimentRecord) -> None:
        """run_numbers: the run's place in its experiment by creation, from 1, children included."""
        first = self.made(tracker, experiment)
        child = self.made(
            tracker, experiment, parent_id=first.id, root_id=first.id, created=later(1)
        )
        third = self.made(tracker, experiment, created=later(2))
        assert tracker.run_numbers([third]) == [3]
        assert tracker.run_numbers([first]) == [1]
        assert tracker.run_numbers([child]) == [2]
        fourth = self.made(tracker, experiment, created=later(3))
        assert tracker.run_numbers([fourth]) == [4]
        assert tracker.run_numbers([tracker.get_run(third.id)]) == [3]
