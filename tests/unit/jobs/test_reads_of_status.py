"""How often the status of a cluster's run is read."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
from amlflow.claims import claim_key
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from amlflow.jobs.run_notes import CLUSTER, make_heartbeat
from amlflow.spec import RunDraft, RunRecord
from amlflow.testing.memory import MemoryTracker
from helpers.memory_workspace import tracker, workspace

__all__ = ["tracker", "workspace"]


@pytest.fixture
def run(workspace: Workspace, tracker: MemoryTracker) -> Run:
    """A run of a cluster that this machine does not know. Its agent reports."""
    experiment = Experiment(workspace, "elsewhere")
    notes = {"launched": "yes", CLUSTER: "slurm", "target": "gpu-cluster"}
    job = {"job": json.dumps({"name": "0" * 32, "host": "another"})}
    draft = RunDraft(
        experiment_id=experiment.id, created=datetime.now(timezone.utc), status="Running",
        properties={claim_key(1): "agent"}, system={**notes, **job, **make_heartbeat()},
    )  # fmt: skip
    [record] = tracker.create_runs([draft])
    return Run(experiment, record.id)


@pytest.mark.parametrize(("limit_s", "reads"), [(60.0, 1), (-1.0, 2)])
def test_a_record_is_read_again_only_if_the_cluster_took_long(
    run: Run,
    tracker: MemoryTracker,
    limit_s: float,
    reads: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("amlflow.core.runs.state.FRESH_S", limit_s)
    asked = []
    get_run = tracker.get_run

    def counted(run_id: str, experiment_id: str | None = None) -> RunRecord:
        asked.append(run_id)
        return get_run(run_id, experiment_id)

    monkeypatch.setattr(tracker, "get_run", counted)
    assert run.get_status() == "Running"
    assert len(asked) == reads
