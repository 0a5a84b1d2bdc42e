"""The reference cluster with one sentence of the contract broken in each subclass."""

from __future__ import annotations

import dataclasses
import os
import shlex
import signal
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from amlflow.spec import ClusterJob, ClusterWork, JobState
from amlflow.testing.memory_cluster import NODES, MemoryCluster

replace = dataclasses.replace


class Mutated(MemoryCluster):
    """The reference cluster, whose processes can all be ended.

    With ``is_awaited``, the tests wait for something that it never does.
    """

    is_awaited = False

    def end_all(self) -> None:
        for process in self._processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


class IsAnotherEachTime(Mutated):
    """
    Cluster.identify: Which cluster this is, and whose jobs it knows: a short text.
    """

    def identify(self) -> str:
        return uuid.uuid4().hex


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


class CancelsAllOfAnArray(Mutated):
    """
    Cluster.submit: Each of them is looked at and cancelled by its own name all the same.
    """

    _together: Sequence[str] = ()

    def submit(self, works: Sequence[ClusterWork]) -> None:
        self._together = [work.name for work in works] if len(works) > 1 else []
        super().submit(works)

    def cancel(self, names: Sequence[str]) -> None:
        is_array = any(name in self._together for name in names)
        super().cancel([*names, *self._together] if is_array else names)


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

    is_awaited = True

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

    is_awaited = True

    def cancel(self, names: Sequence[str]) -> None:
        self._canceled.update(names)


class NudgesNobody(Mutated):
    """
    Cluster.nudge: Send the signal NUDGE to the commands of jobs that run, on their first nodes.
    """

    is_awaited = True

    def nudge(self, names: Sequence[str]) -> None:
        pass


class NudgesKnownOnes(Mutated):
    """
    Cluster.nudge: Other jobs are not changed, and unknown ones are ignored.
    """

    def nudge(self, names: Sequence[str]) -> None:
        for name in names:
            self._works[name]
        super().nudge(names)


class SaysNoReason(Mutated):
    """
    ClusterJob: reason says in the cluster's own words why the job waits, or in a sentence why it
        has ended or is being ended; it is None where the command has ended by itself.
    """

    is_awaited = True

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


class Spreading(Mutated):
    """A cluster whose processes run by way of a shell, which knows ``$AMLFLOW_PROCESS``."""

    way = ""

    def spread(self, nodes: int, processes: int, *, is_mpi: bool = False) -> Sequence[str]:
        words = super().spread(nodes, processes, is_mpi=is_mpi)
        return [*words, "sh", "-c", self.way, "sh"]


class OneLess(Mutated):
    """
    Cluster.spread: The words to put before a command so that it runs as processes of a job's nodes.
    """

    def spread(self, nodes: int, processes: int, *, is_mpi: bool = False) -> Sequence[str]:
        return super().spread(nodes, 1)


class NumbersFromOne(Spreading):
    """
    PROCESS: The name of the variable that tells a process its number, when Cluster.spread has
        started it: 0 for the first on the first node, and so on, node by node.
    """

    way = 'AMLFLOW_PROCESS=$((AMLFLOW_PROCESS + 1)) exec "$@"'


class NodesByTurns(Spreading):
    """
    Cluster.spread: Each node gets the same number of processes, the first ones one more if that is
        not even, and each process its number (PROCESS).
    """

    way = 'AMLFLOW_MEMORY_NODE=$((AMLFLOW_PROCESS % 2)) exec "$@"'


class AllOnOneNode(Spreading):
    """
    Cluster.spread: Each node gets the same number of processes, the first ones one more if that is
        not even, and each process its number (PROCESS).
    """

    way = 'AMLFLOW_MEMORY_NODE=0 exec "$@"'


class WithoutTheCallersVariables(Spreading):
    """
    Cluster.spread: The processes have the caller's environment.
    """

    way = 'unset MORE; exec "$@"'


class TellsTheFirstOnly(Spreading):
    """
    Cluster.spread: What is written to the standard input goes to all of them, and what they write
        to their standard output comes back by lines.
    """

    way = 'if [ $AMLFLOW_PROCESS = 0 ]; then exec "$@"; else exec "$@" </dev/null; fi'


class HearsTheFirstOnly(Spreading):
    """
    Cluster.spread: What is written to the standard input goes to all of them, and what they write
        to their standard output comes back by lines.
    """

    way = """
        if [ $AMLFLOW_PROCESS = 0 ]; then exec "$@"
        else "$@" | sed 's/^/1: /'; fi
    """


class EndsWithTheFirst(Mutated):
    """
    Cluster.spread: The command ends when all of them have.
    """

    def spread(self, nodes: int, processes: int, *, is_mpi: bool = False) -> Sequence[str]:
        words = super().spread(nodes, processes, is_mpi=is_mpi)
        return ["sh", "-c", 'exec 3<&0; "$@" <&3 & sleep 0.1', "sh", *words]


class GoesOnAfterAFailure(Spreading):
    """
    Cluster.spread: They are ended if it is killed, or if one of them ends with another exit code
        than 0.
    """

    is_awaited = True
    way = '"$@" || sleep 60'


class OutlivesItsCommand(Mutated):
    """
    Cluster.spread: They are ended if it is killed, or if one of them ends with another exit code
        than 0.
    """

    is_awaited = True

    def spread(self, nodes: int, processes: int, *, is_mpi: bool = False) -> Sequence[str]:
        words = super().spread(nodes, processes, is_mpi=is_mpi)
        return ["sh", "-c", '"$@"; exit $?', "sh", *words]


class NoMoreThanOneAddress(Mutated):
    """
    Cluster.addresses: The addresses of the nodes of the job that this process is part of.
    """

    def addresses(self) -> Sequence[str]:
        return super().addresses()[:1]


class AddressesAnywhere(Mutated):
    """
    Cluster.addresses: Raises ComputeTargetException and Unavailable.
    """

    def addresses(self) -> Sequence[str]:
        return ["127.0.0.1"] if NODES not in os.environ else super().addresses()


class IsAlone(Mutated):
    """Cluster.addresses: The addresses of the nodes of the job that this process is part of."""

    def submit(self, works: Sequence[ClusterWork]) -> None:
        super().submit([replace(work, nodes=1) for work in works])


class WaitsForTheCancelled(Mutated):
    """
    ClusterJob: before is the number of jobs that wait before it.
    """

    def _waiting(self) -> list[str]:
        return [name for name in self._works if name not in self._processes]

    def _schedule(self) -> None:
        if not self._canceled:
            super()._schedule()


class CountsItself(Mutated):
    """
    ClusterJob: before is the number of jobs that wait before it.
    """

    def _job(self, name: str) -> ClusterJob:
        job = super()._job(name)
        return job if job.before is None else replace(job, before=len(self._waiting()))


ABSTRACT = Mutated, Spreading
MUTANTS = [
    each
    for base in ABSTRACT
    for each in base.__subclasses__()
    if each.__module__ == __name__ and each not in ABSTRACT
]
