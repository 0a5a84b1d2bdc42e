"""v1 code reads ``run._root_run_id`` to find the outermost run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.workspace import Workspace
from amlflow.testing.memory import MemoryTracker
from helpers.memory_workspace import tracker, workspace

__all__ = ["tracker", "workspace"]


def test_the_outermost_run_of_a_nested_one(workspace: Workspace) -> None:
    run = Experiment(workspace, "e").start_logging(snapshot_directory=None)
    nested = run.child_run().child_run()
    assert nested._root_run_id == run.id
    assert run._root_run_id == run.id


def test_runs_that_another_client_nested_in_a_circle(
    workspace: Workspace, tracker: MemoryTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Experiment(workspace, "e").start_logging(snapshot_directory=None)
    nested = run.child_run()
    get_run = tracker.get_run

    def get(run_id: str, experiment_id: str | None = None) -> object:
        record = get_run(run_id, experiment_id)
        return replace(record, parent_id=nested.id) if record.id == run.id else record

    monkeypatch.setattr(tracker, "get_run", get)
    assert nested._root_run_id == run.id
