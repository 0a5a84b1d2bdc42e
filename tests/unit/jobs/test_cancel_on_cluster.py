"""run.cancel() of a run whose script runs on a cluster."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from amlflow.core.workspace import Workspace
from amlflow.jobs.cluster.looking import look_at_cluster
from amlflow.jobs.cluster.names import cluster_name_of
from amlflow.spec import ClusterJob, JobState, Unavailable
from amlflow.testing.memory import MemoryTracker
from azureml.core import Run
from helpers.cluster_runs import AGENT, CANCEL, OneCluster, next_status, record, stored
from helpers.memory_workspace import tracker, workspace

__all__ = ["tracker", "workspace"]


class Running(OneCluster):
    """A cluster in which every job runs. It is nudged only while ``may_nudge`` is set."""

    def __init__(self) -> None:
        super().__init__("here 1000")
        self.may_nudge = threading.Event()
        self.nudged: list[str] = []

    def look(self, names: Any, *, now: bool = False) -> Any:
        return {name: ClusterJob(state=JobState.RUNNING) for name in names}

    def nudge(self, names: Any) -> None:
        assert self.may_nudge.wait(60)
        self.nudged.extend(names)


@pytest.fixture
def run(workspace: Workspace, tracker: MemoryTracker, monkeypatch: pytest.MonkeyPatch) -> Run:
    known = Run.get(workspace, stored(tracker, record("Running", AGENT)).id)
    cluster = Running()
    monkeypatch.setattr(known, "_open_cluster", lambda: cluster)
    return known


def test_the_script_is_ended_while_the_tracker_is_asked(run: Run, tracker: MemoryTracker) -> None:
    cluster: Any = run._open_cluster()
    real = tracker.update_run

    def update(*given: Any) -> Any:
        cluster.may_nudge.set()  # until here, the thread waits: it must not hold up the tracker
        return real(*given)

    tracker.update_run = update  # type: ignore[method-assign]
    run.cancel()
    assert cluster.nudged == [cluster_name_of(run._record)]
    assert run.status == "CancelRequested"


def test_the_script_is_ended_although_the_tracker_is_away(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster: Any = run._open_cluster()
    cluster.may_nudge.set()

    def fail() -> None:
        raise Unavailable("The tracker is away.")

    monkeypatch.setattr(run, "_reload", fail)
    with pytest.raises(Unavailable):
        run.cancel()
    for thread in threading.enumerate():
        if thread.name == "amlflow-nudge":
            thread.join()
    assert cluster.nudged == [cluster_name_of(run._record)]


class Suspended(OneCluster):
    """A cluster whose jobs are suspended, until they are cancelled."""

    def __init__(self) -> None:
        super().__init__("here 1000")
        self.cancelled: list[str] = []

    def look(self, names: Any, *, now: bool = False) -> Any:
        return {name: ClusterJob(state=JobState.SUSPENDED) for name in names}

    def cancel(self, names: Any) -> None:
        self.cancelled.extend(names)


def test_the_agent_of_a_suspended_job_hears_no_nudge(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cluster ends the job, and its agent reports that."""
    cluster = Suspended()
    monkeypatch.setattr(run, "_open_cluster", lambda: cluster)
    run.cancel()
    assert set(cluster.cancelled) == {cluster_name_of(run._record)}
    assert run.status == "CancelRequested"


@pytest.mark.parametrize("status", ["Running", "NotResponding"])
def test_a_run_stays_as_it_is_while_its_job_is_suspended(status: str) -> None:
    assert next_status(record(status), JobState.SUSPENDED) is None


def test_a_look_ends_a_suspended_job_that_was_cancelled_elsewhere(tracker: MemoryTracker) -> None:
    cluster, run = Suspended(), stored(tracker, record("CancelRequested", AGENT, **CANCEL))
    look_at_cluster(tracker, run, lambda: cluster)
    assert cluster.cancelled == [cluster_name_of(run)]
