"""The reference cluster with one sentence of the contract broken in each subclass."""

from __future__ import annotations

import dataclasses
import shlex
import time
from collections.abc import Mapping, Sequence
from typing import Any

from amlflow.spec import ClusterJob, ClusterWork, JobState
from amlflow.testing.memory_cluster import MemoryCluster

replace = dataclasses.replace


class Mutated(MemoryCluster):
    """The reference cluster, whose processes can all be ended."""

    def end_all(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()


class WorksWithout(Mutated):
    """
    ClusterWork: environment is added to the environment that the cluster gives its jobs.
    """

    def submit(self, works: Sequence[ClusterWork]) -> None:
        kept = "AMLFLOW_TEST_NOTE"
        super().submit([replace(w, environment={kept: w.environment[kept]}) for w in works])


class ThroughAShell(Mutated):
    """
    ClusterWork: The first of the job's nodes runs python with arguments; the target's settings may
        name another Python of the nodes.
    """

    def submit(self, works: Sequence[ClusterWork]) -> None:
        super().submit(
            [
                replace(
                    w,
                    python="/bin/sh",
                    arguments=[
                        "-c",
                        f"exec {w.python} -c {shlex.quote(w.arguments[1])} "
                        + " ".join(w.arguments[2:]),
                    ],
                )
                for w in works
            ]
        )


class WithoutAttempt(Mutated):
    """
    ATTEMPT: The cluster sets it for the job at each start.
    """

    def _schedule(self) -> None:
        self._attempts = dict.fromkeys(self._works, 7)
        super()._schedule()


class RunsTwice(Mutated):
    """
    Cluster.submit: Put works into the queue, each once.
    """

    def submit(self, works: Sequence[ClusterWork]) -> None:
        super().submit(works)
        for work in works:
            self._processes.pop(work.name).wait()
        self._schedule()


class RunsTheFirstOnly(Mutated):
    """
    Cluster.submit: Put works into the queue, each once.
    """

    def submit(self, works: Sequence[ClusterWork]) -> None:
        super().submit(works[:1])


class LeavesOutUnknown(Mutated):
    """
    Cluster.look: With now the cluster is asked at once, and each name is in the answer.
    """

    def look(self, names: Sequence[str], *, now: bool = False) -> Mapping[str, ClusterJob]:
        return super().look([name for name in names if name in self._works], now=now)


class Forgets(Mutated):
    """
    Cluster.look: A job is JobState.UNKNOWN only by an answer that is younger than the call.
    """

    _asked = 0.0
    _known: frozenset[str] = frozenset()

    def look(self, names: Sequence[str], *, now: bool = False) -> Mapping[str, ClusterJob]:
        if now or time.monotonic() - self._asked > 10:
            self._asked, self._known = time.monotonic(), frozenset(self._works)
        gone = ClusterJob(state=JobState.UNKNOWN)
        jobs = super().look(names)
        return {name: job if name in self._known else gone for name, job in jobs.items()}


class AllAreQueued(Mutated):
    """
    Cluster.look: What the cluster knows of jobs, by their names.
    """

    def _job(self, name: str) -> ClusterJob:
        job = super()._job(name)
        is_running = job.state is JobState.RUNNING
        return replace(job, state=JobState.QUEUED) if is_running else job


class AllEndWell(Mutated):
    """
    ClusterJob: What a cluster knows of a job.
    """

    def _job(self, name: str) -> ClusterJob:
        job = super()._job(name)
        is_failed = job.state is JobState.FAILED
        return replace(job, state=JobState.COMPLETED) if is_failed else job


class CancelsAll(Mutated):
    """
    Cluster.cancel: Take jobs out of the queue, and end those that run; unknown ones are ignored.
    """

    def cancel(self, names: Sequence[str]) -> None:
        super().cancel([*self._works])


class CancelsNone(Mutated):
    """
    Cluster.cancel: Take jobs out of the queue, and end those that run; unknown ones are ignored.
    """

    def cancel(self, names: Sequence[str]) -> None:
        pass


class CancelsKnownOnes(Mutated):
    """
    Cluster.cancel: Take jobs out of the queue, and end those that run; unknown ones are ignored.
    """

    def cancel(self, names: Sequence[str]) -> None:
        for name in names:
            self._works[name]
        super().cancel(names)


class LeavesProcesses(Mutated):
    """
    Cluster.cancel: Take jobs out of the queue, and end those that run; unknown ones are ignored.
    """

    def cancel(self, names: Sequence[str]) -> None:
        self._canceled.update(names)


class SaysNoReason(Mutated):
    """
    ClusterJob: reason says in the cluster's own words why the job waits, or in a sentence why it
        has ended or is being ended; it is None where the command has ended by itself.
    """

    def _job(self, name: str) -> ClusterJob:
        return replace(super()._job(name), reason=None)


class ShowsWhatItWasGiven(Mutated):
    """
    ClusterWork: It may hold passwords: it is never part of a command line, and nobody else can read
        it.
    """

    def submit(self, works: Sequence[ClusterWork]) -> None:
        shown: list[Any] = [
            replace(w, arguments=[*w.arguments, *w.environment.values()]) for w in works
        ]
        super().submit(shown)


class ChecksBySubmitting(Mutated):
    """
    Cluster.check: Called before a run is created; it puts nothing into the queue.
    """

    def check(self, work: ClusterWork, tracking_uri: str) -> None:
        super().check(work, tracking_uri)
        self._works[work.name] = work


class TakesAnything(Mutated):
    """
    Cluster.check: Raise ComputeTargetException with what to do if the cluster cannot take a work.
    """

    def check(self, work: ClusterWork, tracking_uri: str) -> None:
        pass


MUTANTS = [
    WorksWithout,
    ThroughAShell,
    WithoutAttempt,
    RunsTwice,
    RunsTheFirstOnly,
    LeavesOutUnknown,
    Forgets,
    AllAreQueued,
    AllEndWell,
    CancelsAll,
    CancelsNone,
    CancelsKnownOnes,
    LeavesProcesses,
    SaysNoReason,
    ShowsWhatItWasGiven,
    ChecksBySubmitting,
    TakesAnything,
]
