"""Deleted runs of an experiment that is archived and then reactivated, on the SQLite store."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from amlflow.core.experiment import Experiment
from amlflow.spec import ExperimentChange, Refused, RunDraft, RunQuery
from amlflow_mlflow import archiving
from amlflow_mlflow.tracker import MlflowTracker
from helpers.hostile_reads import run_command

ARCHIVED, ACTIVE = ExperimentChange(archived=True), ExperimentChange(archived=False)


@pytest.fixture
def tracker(tmp_path: Path) -> MlflowTracker:
    return MlflowTracker(f"sqlite:///{tmp_path}/mlflow.db")


def add_runs(tracker: MlflowTracker, name: str, count: int) -> tuple[str, list[str]]:
    experiment_id = tracker.ensure_experiment(name).id
    draft = RunDraft(experiment_id=experiment_id, created=datetime.now(timezone.utc))
    return experiment_id, [run.id for run in tracker.create_runs([draft] * count)]


def listed(tracker: MlflowTracker, experiment_id: str) -> set[str]:
    return {run.id for run in tracker.find_runs(RunQuery(experiment_ids=[experiment_id]))}


def test_runs_that_were_deleted_stay_so(
    tracker: MlflowTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archiving, "IDS_AT_ONCE", 2)  # several notes
    experiment_id, ids = add_runs(tracker, "a", 7)
    for deleted in (ids[:5], ids[:1]):
        for run_id in deleted:
            tracker.delete_run(run_id)
        tracker.update_experiment(experiment_id, ARCHIVED)
        assert [tracker.get_run(run_id).deleted for run_id in ids] == [
            run_id in deleted for run_id in ids
        ]
        tracker.update_experiment(experiment_id, ACTIVE)
        assert listed(tracker, experiment_id) == set(ids) - set(deleted)
        for run_id in deleted:
            tracker.restore_run(run_id)
    assert not any(tracker.get_run(run_id).deleted for run_id in ids)
    assert tracker.get_experiment(experiment_id).tags == {}


def test_no_run_of_an_archived_experiment_is_deleted_or_restored(tracker: MlflowTracker) -> None:
    experiment_id, ids = add_runs(tracker, "a", 2)
    tracker.delete_run(ids[0])
    tracker.update_experiment(experiment_id, ARCHIVED)
    with pytest.raises(Refused, match="is archived, and MLflow deletes no run of it"):
        tracker.delete_run(ids[1])
    tracker.delete_run(ids[0])
    with pytest.raises(Refused, match="is archived"):
        tracker.restore_run(ids[0])
    assert [tracker.get_run(run_id).deleted for run_id in ids] == [True, False]


def test_a_restoration_that_broke_off_is_completed(
    tracker: MlflowTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment_id, ids = add_runs(tracker, "a", 3)
    tracker.delete_run(ids[0])
    tracker.update_experiment(experiment_id, ARCHIVED)

    def end(run_id: str) -> None:
        raise RuntimeError("the process ends")

    with monkeypatch.context() as patch:
        patch.setattr(tracker._store, "delete_run", end)
        with pytest.raises(RuntimeError):
            tracker.update_experiment(experiment_id, ACTIVE)
    tracker.update_experiment(experiment_id, ACTIVE)
    assert listed(tracker, experiment_id) == set(ids[1:])


@pytest.mark.parametrize("note", ["OTHER", "abc", "a" * 32, "x" * 10_000, "{}"])
def test_a_note_of_somebody_else_deletes_no_run_of_another_experiment(
    tracker: MlflowTracker, note: str
) -> None:
    experiment_id, ids = add_runs(tracker, "a", 2)
    other_id, other_ids = add_runs(tracker, "b", 1)
    text = note.replace("OTHER", other_ids[0])
    tracker._store.set_experiment_tag(experiment_id, f"{archiving.NOTE}0", text)
    tracker._store.delete_experiment(experiment_id)
    tracker.update_experiment(experiment_id, ACTIVE)
    assert listed(tracker, experiment_id) == set(ids)
    assert listed(tracker, other_id) == set(other_ids)


def test_the_command_line_says_that_a_run_is_deleted(experiment: Experiment) -> None:
    run = experiment.start_logging(snapshot_directory=None)
    run.complete()
    for words, shown in (("show", False), ("delete", False), ("show", True)):
        code, _, errors = run_command("run", words, "-r", run.id)
        assert code == 0
        assert (f"`amlflow run restore -r {run.id}`" in errors) == shown
