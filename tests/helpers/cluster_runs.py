"""Runs of a cluster's jobs, and a cluster that does not know any job, for tests of looks."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from amlflow.claims import claim_key
from amlflow.jobs.cluster.looking import cluster_change
from amlflow.jobs.run_notes import (
    CLUSTER,
    END,
)
from amlflow.spec import (
    ClusterBase,
    ClusterJob,
    JobState,
    RunDraft,
    RunRecord,
)
from amlflow.testing.memory import MemoryTracker

NAME = "0" * 32
AGENT = {claim_key(1): "agent"}
CANCEL = {END: json.dumps({"status": "Canceled", "error": None})}
NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)
STATES = list(JobState)


def record(status: str, properties: Any = AGENT, **system: str) -> RunRecord:
    notes = {"launched": "yes", CLUSTER: "slurm", "job": json.dumps({"name": NAME, "host": "h"})}
    return RunRecord(
        id="1", experiment_id="1", name="", status=status, created=NOW, properties=dict(properties),
        system={**notes, **system},
    )  # fmt: skip


def stored(tracker: MemoryTracker, run: RunRecord) -> RunRecord:
    """The run as a tracker has it."""
    experiment = tracker.ensure_experiment("clusters")
    draft = RunDraft(
        experiment_id=experiment.id, name="", status=run.status, created=run.created,
        properties=run.properties, system=run.system,
    )  # fmt: skip
    return tracker.create_runs([draft])[0]


def next_status(run: RunRecord, state: JobState, **values: Any) -> str | None:
    change = cluster_change(run, ClusterJob(state=state, **values))
    return None if change is None else change.status


class OneCluster(ClusterBase):
    """A cluster that does not know any job, and knows who asks."""

    def __init__(self, identity: str) -> None:
        self._identity = identity

    def identify(self) -> str:
        return self._identity

    def submit(self, works: Any) -> None:
        raise NotImplementedError

    def look(self, names: Any, *, now: bool = False) -> Any:
        return {name: ClusterJob(state=JobState.UNKNOWN) for name in names}

    def cancel(self, names: Any) -> None:
        raise AssertionError("cancels a job that it does not know")
