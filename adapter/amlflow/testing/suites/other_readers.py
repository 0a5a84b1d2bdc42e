"""Tests of what another process sees of snapshots, experiments, deletions and models."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from amlflow.spec import (
    ExperimentChange,
    ExperimentRecord,
    Feature,
    ModelChange,
    ModelDraft,
    ModelNotFound,
    ModelRecord,
    RunQuery,
    Tracker,
)
from amlflow.testing.suites.at_once import PROCESSES, ROUNDS, Others
from amlflow.testing.suites.cleaning import new_name
from amlflow.testing.suites.process_base import ProcessBase, need_fork


class OtherReaderTests(ProcessBase):
    """Tests that a process sees what other processes have written, also after they have ended."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "file"
        path.write_text("x")
        return path

    @pytest.mark.thorough
    def test_snapshots_and_deletions_are_seen_by_others(
        self, tracker: Tracker, experiment: ExperimentRecord, others: Others, file: Path
    ) -> None:
        """page: Other processes and machines change the same runs at the same time."""
        digest = uuid.uuid4().hex * 2
        assert not tracker.has_snapshot(digest)
        others.in_one(_call, "put_snapshot", digest, file)
        assert tracker.has_snapshot(digest)

        other = others.in_one(_call, "ensure_experiment", new_name())
        assert other.id in {record.id for record in tracker.list_experiments()}
        change = ExperimentChange(archived=True)
        others.in_one(_call, "update_experiment", other.id, change)
        [archived] = [record for record in tracker.list_experiments() if record.id == other.id]
        assert archived.archived is not None
        others.in_one(_call, "delete_experiment", other.id)
        assert other.id not in {record.id for record in tracker.list_experiments()}

        if Feature.DELETE in tracker.features:
            run = self.create_run(tracker, experiment)
            query = RunQuery(experiment_ids=[experiment.id])
            for method, ids in (("delete_run", []), ("restore_run", [run.id])):
                others.in_one(_call, method, run.id)
                assert [each.id for each in tracker.find_runs(query)] == ids
                assert tracker.get_run(run.id).deleted == (not ids)

    @pytest.mark.thorough
    def test_models_are_seen_by_others(self, tracker: Any, others: Others, file: Path) -> None:
        """page: Other processes and machines change the same runs at the same time."""
        self.needs(tracker, Feature.MODELS)
        name = new_name("model")
        draft = ModelDraft(name=name, path="model", files={"model": file})
        others.in_one(_call, "register_model", draft)
        assert tracker.get_model(name, 1).description is None
        others.in_one(_call, "update_model", name, 1, ModelChange(description="new"))
        assert tracker.get_model(name, 1).description == "new"
        others.in_one(_call, "register_model", draft)
        assert _versions(tracker, name) == [2, 1]
        others.in_one(_call, "delete_model", name, 1)
        assert _versions(tracker, name) == [2]
        with pytest.raises(ModelNotFound):
            tracker.get_model(name, 1)

    @pytest.mark.thorough
    def test_models_that_others_register_at_once(
        self, tracker: Any, others: Others, file: Path
    ) -> None:
        """
        register_model: Registrations at the same time get different versions, and a deleted
            version's number is not used again.
        """
        self.needs(tracker, Feature.MODELS)
        for _ in range(ROUNDS):
            draft = ModelDraft(name=new_name("model"), path="model", files={"model": file})
            versions = others.at_once(_register, draft)
            assert sorted(versions) == list(range(1, PROCESSES + 1))

    @pytest.mark.thorough
    def test_what_was_archived_and_deleted_before_everybody_left(
        self, tracker: Tracker, experiment: ExperimentRecord, others: Others, file: Path
    ) -> None:
        """page: Other processes and machines change the same runs at the same time."""
        need_fork()
        run = self.create_run(tracker, experiment)
        name = new_name("model")
        things = (experiment.id, run.id, name, file)
        assert others.in_fork(_leave, *things) == 0
        assert others.in_fork(_find_again, *things) == 0


def _call(tracker: Tracker, method: str, *arguments: Any) -> Any:
    return getattr(tracker, method)(*arguments)


def _versions(tracker: Any, name: str) -> list[int]:
    return [model.version for model in tracker.find_models() if model.name == name]


def _register(tracker: Any, draft: ModelDraft, me: int) -> int:
    model: ModelRecord = tracker.register_model(draft)
    return model.version


def _leave(tracker: Any, experiment_id: str, run_id: str, name: str, file: Path) -> None:
    """Delete a run, archive its experiment, and delete the newest of two versions."""
    if Feature.DELETE in tracker.features:
        tracker.delete_run(run_id)
    if Feature.MODELS in tracker.features:
        draft = ModelDraft(name=name, path="model", files={"model": file})
        for _ in range(2):
            tracker.register_model(draft)
        tracker.delete_model(name, 2)
    tracker.update_experiment(experiment_id, ExperimentChange(archived=True))


def _find_again(tracker: Any, experiment_id: str, run_id: str, name: str, file: Path) -> None:
    assert tracker.get_experiment(experiment_id).archived is not None
    if Feature.DELETE in tracker.features:
        assert tracker.get_run(run_id).deleted
    if Feature.MODELS in tracker.features:
        assert _versions(tracker, name) == [1]
        draft = ModelDraft(name=name, path="model", files={"model": file})
        assert tracker.register_model(draft).version == 3
