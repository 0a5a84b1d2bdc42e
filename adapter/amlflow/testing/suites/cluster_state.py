"""Tests of what a cluster says about its queue and its nodes."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Any

import pytest

from amlflow.spec import Cluster, ClusterStatus, JobState
from amlflow.testing.plugin import NOT_CLAIMED
from amlflow.testing.suites.cluster_base import OVER, ClusterTestsBase
from amlflow.testing.suites.compute_base import until

MAX_JOBS = 64
"""The most jobs that are submitted until some of them wait."""
PAUSE_S = 0.3


class ClusterStateTests(ClusterTestsBase):
    """Tests of waiting jobs, and of the nodes."""

    start_seconds = 0.0
    """How long a job may wait although a node is free. Set it for a slow scheduler."""

    @pytest.fixture
    def queue(self, cluster: Cluster, submitted: Any) -> list[str]:
        """Submit jobs until the last two wait, and return all names. The first job runs."""
        nodes = 1
        if cluster.is_distributed and (status := cluster.describe()) is not None:
            nodes = max(part.in_use + part.idle for part in status.partitions)
        names: list[str] = []
        while len(names) < 3 or not self._stay_queued(cluster, names[-2:]):
            assert len(names) < MAX_JOBS, f"{MAX_JOBS} jobs run at once"
            names.append(submitted("note.touch(); time.sleep(600)", nodes=nodes).name)
            until(functools.partial(_settled_state, cluster, names[-1]), PAUSE_S)
            if len(names) == 1:
                until(lambda: _state(cluster, names[0]) is JobState.RUNNING, PAUSE_S)
        return names

    def _stay_queued(self, cluster: Cluster, names: list[str]) -> bool:
        """Return whether jobs wait, and still wait after ``start_seconds``."""
        until_time = time.monotonic() + self.start_seconds
        while True:
            states = {job.state for job in cluster.look(names, now=True).values()}
            if states != {JobState.QUEUED}:
                return False
            if time.monotonic() >= until_time:
                return True
            time.sleep(PAUSE_S)

    def test_jobs_that_wait(self, cluster: Cluster, queue: list[str], tmp_path: Path) -> None:
        """
        ClusterJob: reason says in the cluster's own words why the job waits, or in a sentence why
            it has ended or is being ended; it is None where the command has ended by itself.
        ClusterJob: before is the number of jobs that wait before it.
        Cluster.cancel: Take jobs out of the queue, and end those that run; unknown ones are
            ignored.
        Cluster.nudge: Other jobs are not changed, and unknown ones are ignored.
        ClusterJob: attempt is as ATTEMPT; while a job waits, it is the attempt that comes next.
        """
        first, second = queue[-2:]
        # ClusterJob: before is
        jobs = cluster.look([first, second], now=True)
        assert all(jobs[name].state is JobState.QUEUED for name in (first, second))
        # ClusterJob: reason says
        until(lambda: cluster.look([second], now=True)[second].reason, PAUSE_S)
        # ClusterJob: before is
        before = jobs[first].before, jobs[second].before
        if before[0] is not None:
            assert before[1] == before[0] + 1
        # ClusterJob: attempt is
        assert jobs[first].attempt == jobs[second].attempt == 1
        # Cluster.nudge: Other jobs
        cluster.nudge([first])
        assert _state(cluster, first) is JobState.QUEUED
        # Cluster.cancel: Take jobs out of the queue
        cluster.cancel([first])
        until(lambda: _state(cluster, first) in (JobState.CANCELED, JobState.UNKNOWN), PAUSE_S)
        assert not (tmp_path / first).exists()
        assert _state(cluster, second) not in OVER
        # ClusterJob: before is
        assert cluster.look([second], now=True)[second].before == before[0]

    def test_what_the_nodes_and_the_queue_do(self, cluster: Cluster, submitted: Any) -> None:
        """
        Cluster.describe: What the part of the cluster that the settings name does now; None: it
            does not tell.
        ClusterStatus: What a cluster does now: its partitions, and the jobs of all users in them.
        ClusterStatus: running and waiting are amlflow's jobs; others_running and others_waiting are
            all others.
        Partition: A part of a cluster whose jobs wait in one queue, and how many of its nodes do
            what.
        """
        # Cluster.describe: What the part
        if cluster.describe() is None:
            pytest.skip(f"{NOT_CLAIMED}nodes and queue (`describe`)")
        before = until(lambda: _after(cluster, running=0, waiting=0), PAUSE_S)
        # ClusterStatus: What a cluster does
        assert isinstance(before, ClusterStatus)
        # Partition: A part of a cluster
        names = [part.name for part in before.partitions]
        assert len({*names, ""}) == len(names) + 1
        nodes = {part.name: part.in_use + part.idle + part.away for part in before.partitions}
        assert sum(nodes.values()) > 0
        submitted("time.sleep(600)")
        # ClusterStatus: running and waiting
        now = until(lambda: _after(cluster, running=1, waiting=0), PAUSE_S)
        assert now.others_running == before.others_running
        assert now.others_waiting == before.others_waiting
        # Partition: A part of a cluster
        assert {p.name: p.in_use + p.idle + p.away for p in now.partitions} == nodes
        assert sum(part.in_use for part in now.partitions) > 0

    def test_those_who_wait_are_counted(self, cluster: Cluster, queue: list[str]) -> None:
        """
        ClusterStatus: running and waiting are amlflow's jobs; others_running and others_waiting are
            all others.
        """
        if cluster.describe() is None:
            pytest.skip(f"{NOT_CLAIMED}nodes and queue (`describe`)")

        def is_counted() -> bool:
            jobs = cluster.look(queue, now=True).values()
            running = sum(job.state is JobState.RUNNING for job in jobs)
            waiting = sum(job.state is JobState.QUEUED for job in jobs)
            return _after(cluster, running=running, waiting=waiting) is not None

        until(is_counted, PAUSE_S)


def _settled_state(cluster: Cluster, name: str) -> JobState | None:
    """Return the state of a job that waits or runs; else None. Gives the cluster time to decide."""
    job = cluster.look([name], now=True)[name]
    if job.state is JobState.QUEUED:
        time.sleep(PAUSE_S if job.reason else 3 * PAUSE_S)
        return _state(cluster, name)
    return job.state if job.state is JobState.RUNNING else None


def _state(cluster: Cluster, name: str) -> JobState:
    return cluster.look([name], now=True)[name].state


def _after(cluster: Cluster, **counts: int) -> ClusterStatus | None:
    """Return the cluster's status if it has these counts; else None, since it may be old."""
    status = cluster.describe()
    is_after = all(getattr(status, name) == count for name, count in counts.items())
    return status if is_after else None
