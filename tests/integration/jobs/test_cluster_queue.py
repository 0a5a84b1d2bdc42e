"""Runs whose jobs wait in the queue of the reference cluster."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timedelta, timezone

import pytest
from amlflow.jobs.cluster.canceling import cancel_at_cluster
from amlflow.jobs.cluster.looking import look_at_cluster
from amlflow.jobs.cluster.names import cluster_name_of
from amlflow.jobs.run_notes import CLUSTER, END, HEARTBEAT
from amlflow.spec import ATTEMPT, ClusterWork, JobState, RunChange, RunDraft, RunRecord
from amlflow.testing.memory import MemoryTracker
from amlflow.testing.memory_cluster import MemoryCluster
from amlflow.waiting_text import waiting_text

NAME = "0" * 32
CANCEL = {END: json.dumps({"status": "Canceled", "error": None})}


def sleeper(name: str) -> ClusterWork:
    return ClusterWork(name=name, python="/bin/sleep", arguments=["600"])


@pytest.fixture
def run() -> tuple[MemoryTracker, RunRecord]:
    tracker = MemoryTracker("memory:")
    system = {"launched": "yes", CLUSTER: "x", "job": json.dumps({"name": NAME, "host": "h"})}
    experiment = tracker.ensure_experiment("e")
    now = datetime.now(timezone.utc)
    draft = RunDraft(experiment_id=experiment.id, created=now, status="Queued", system=system)
    [record] = tracker.create_runs([draft])
    return tracker, record


def test_a_cluster_that_does_not_answer_changes_nothing(
    run: tuple[MemoryTracker, RunRecord],
) -> None:
    tracker, record = run
    cluster = MemoryCluster()
    cluster.is_away = True
    assert look_at_cluster(tracker, record, lambda: cluster) is None
    asked = dataclasses.replace(record, system={**record.system, **CANCEL})
    cancel_at_cluster(tracker, asked, lambda: cluster)
    assert tracker.get_run(record.id).status == "Queued"
    assert look_at_cluster(tracker, record, lambda: None) is None


def test_a_run_takes_its_jobs_place_in_the_queue(run: tuple[MemoryTracker, RunRecord]) -> None:
    tracker, record = run
    cluster = MemoryCluster(nodes=1)
    others = [sleeper(f"{number:032x}") for number in (1, 2)]
    name = cluster_name_of(record)
    assert name is not None
    cluster.submit([*others, sleeper(name)])
    try:
        assert look_at_cluster(tracker, record, lambda: cluster)
        changed = tracker.get_run(record.id)
        assert waiting_text(changed) == "waiting: All nodes are in use, 1 job before it"
        tracker.update_run(record.id, RunChange(system=CANCEL))
        cancel_at_cluster(tracker, changed, lambda: cluster)
        assert tracker.get_run(record.id).status == "Canceled"
        assert cluster.look([name])[name].state is JobState.CANCELED
    finally:
        cluster.cancel([work.name for work in others])


@pytest.mark.parametrize(
    ("status", "age_s", "after"),
    [
        ("Running", 3600, "NotResponding"),
        ("Finalizing", 3600, "NotResponding"),
        ("Running", 0, "Running"),
        ("Queued", 3600, "Queued"),  # the heartbeat comes from an earlier attempt
        ("Preparing", 3600, "Preparing"),
    ],
)
def test_the_agent_of_a_running_job_is_silent(
    run: tuple[MemoryTracker, RunRecord], status: str, age_s: float, after: str
) -> None:
    tracker, record = run
    heartbeat = datetime.now(timezone.utc) - timedelta(seconds=age_s)
    tracker.update_run(
        record.id, RunChange(status=status, system={HEARTBEAT: heartbeat.isoformat()})
    )
    cluster = MemoryCluster()
    name = cluster_name_of(record)
    assert name is not None
    cluster.submit([sleeper(name)])
    try:
        record = tracker.get_run(record.id)
        assert look_at_cluster(tracker, record, lambda: cluster) is (status != after)
        assert tracker.get_run(record.id).status == after
    finally:
        cluster.cancel([name])


def test_a_note_that_is_copied_from_another_run_ends_nothing_of_that_run(
    run: tuple[MemoryTracker, RunRecord],
) -> None:
    tracker, record = run
    now = datetime.now(timezone.utc)
    system = {**record.system, **CANCEL}
    draft = RunDraft(
        experiment_id=record.experiment_id, created=now, status="Queued", system=system
    )
    [copy] = tracker.create_runs([draft])
    name = cluster_name_of(record)
    assert name is not None
    cluster = MemoryCluster(nodes=1)
    cluster.submit([sleeper(NAME), sleeper(name)])
    try:
        cancel_at_cluster(tracker, copy, lambda: cluster)
        assert cluster.look([name], now=True)[name].state is JobState.QUEUED
    finally:
        cluster.cancel([NAME, name])


def test_the_reference_cluster_starts_a_job_again() -> None:
    cluster = MemoryCluster()
    cluster.submit([sleeper(NAME)])
    cluster.requeue(NAME)
    try:
        job = cluster.look([NAME])[NAME]
        assert (job.state, job.attempt) == (JobState.RUNNING, 2), ATTEMPT
    finally:
        cluster.cancel([NAME])
