"""A look at a run whose job has several attempts, or whose node has another clock."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from amlflow.claims import claim_key
from amlflow.jobs.cluster.looking import cluster_change, look_at_cluster
from amlflow.jobs.run_notes import (
    HEARTBEAT,
    is_started_again,
    is_submitted,
    start_again,
)
from amlflow.spec import (
    FINAL,
    ClusterJob,
    JobState,
    RunChange,
    Status,
)
from amlflow.testing.memory import MemoryTracker
from amlflow.tracker_notes import parse_error
from helpers.cluster_runs import (
    AGENT,
    CANCEL,
    OneCluster,
    next_status,
    record,
    stored,
)  # fmt: skip


@pytest.fixture
def tracker() -> MemoryTracker:
    return MemoryTracker("memory://")


ENDED = [JobState.FAILED, JobState.CANCELED, JobState.COMPLETED]


@pytest.mark.parametrize("state", ENDED)
def test_the_end_of_an_attempt_is_not_that_of_a_later_one(state: JobState) -> None:
    """The answer may be older than the claim of the attempt that the cluster has started since."""
    run = record("Running", {**AGENT, claim_key(2): "next"})
    assert next_status(run, state, attempt=1) is None
    assert next_status(run, state, attempt=2) in FINAL


@pytest.mark.parametrize("state", ENDED)
def test_a_run_that_its_cluster_has_ended_starts_again_with_a_later_attempt(
    tracker: MemoryTracker, state: JobState
) -> None:
    run = stored(tracker, record("Running"))
    change = cluster_change(run, ClusterJob(state=state, attempt=2))
    assert change is not None
    tracker.update_run(run.id, change)
    ended = tracker.get_run(run.id)
    assert ended.status in FINAL
    assert [is_started_again(ended, attempt) for attempt in (1, 2, 3)] == [False, False, True]
    tracker.update_run(run.id, start_again())
    again = tracker.get_run(run.id)
    assert (again.status, is_submitted(again), parse_error(again)) == ("Running", True, None)
    assert not is_started_again(again, 3)


@pytest.mark.parametrize("system", [CANCEL, {}], ids=["requested", "forgotten"])
def test_a_run_that_ended_for_another_reason_does_not_start_again(system: dict[str, str]) -> None:
    state = JobState.FAILED if system else JobState.UNKNOWN
    change = cluster_change(record("Running", **system), ClusterJob(state=state))
    assert change is not None
    ended = record(str(change.status), **{**system, **change.system})
    assert not is_started_again(ended, 2)


class RunningJob(OneCluster):
    """A cluster whose jobs run."""

    def look(self, names: Any, *, now: bool = False) -> Any:
        return {name: ClusterJob(state=JobState.RUNNING) for name in names}


@pytest.mark.parametrize(("behind", "age", "expected"), [
    (3600, 5, "Running"), (3600, 40, "NotResponding"), (0, 5, "Running"), (0, 40, "NotResponding"),
])  # fmt: skip
def test_a_node_whose_clock_is_behind(
    tracker: MemoryTracker, behind: float, age: float, expected: str
) -> None:
    """Only the first look cannot tell it from silence."""

    def beat(age: float) -> dict[str, str]:
        last = datetime.now(timezone.utc) - timedelta(seconds=age + behind)
        return {HEARTBEAT: last.isoformat()}

    run = stored(tracker, record("Running", **beat(1)))
    look_at_cluster(tracker, run, lambda: RunningJob(""))
    first = tracker.get_run(run.id)
    assert first.status == ("NotResponding" if behind else "Running")
    tracker.update_run(run.id, RunChange(status=Status.RUNNING, system=beat(age)))
    look_at_cluster(tracker, tracker.get_run(run.id), lambda: RunningJob(""))
    assert tracker.get_run(run.id).status == expected
