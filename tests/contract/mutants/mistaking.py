"""The reference cluster with mistakes that are easy to make in a plugin for a real engine."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from amlflow.exceptions import ComputeTargetException
from amlflow.spec import ClusterJob, ClusterWork, JobState, Unavailable

from mutants.queueing import Mutated

replace = dataclasses.replace


class KnowsItsOwnJobsOnly(Mutated):
    """
    Cluster.look: What the cluster knows of jobs, by their names.
    """

    def __init__(self) -> None:
        super().__init__()
        self._ids: set[str] = set()

    def reopen(self) -> KnowsItsOwnJobsOnly:
        other = super().reopen()
        assert isinstance(other, KnowsItsOwnJobsOnly)
        other._ids = set()
        return other

    def submit(self, works: Sequence[ClusterWork]) -> None:
        super().submit(works)
        self._ids.update(work.name for work in works)

    def _job(self, name: str) -> ClusterJob:
        return super()._job(name) if name in self._ids else ClusterJob(state=JobState.UNKNOWN)


class CancelsItsOwnJobsOnly(KnowsItsOwnJobsOnly):
    """
    Cluster.cancel: Take jobs out of the queue, and end those that run; unknown ones are ignored.
    """

    is_awaited = True

    def _job(self, name: str) -> ClusterJob:
        return super(KnowsItsOwnJobsOnly, self)._job(name)

    def cancel(self, names: Sequence[str]) -> None:
        super().cancel([name for name in names if name in self._ids])


class IsAnotherInEachProcess(Mutated):
    """
    Cluster.identify: It is the same wherever the same jobs are known, and different where they are
        not, as for another user.
    """

    def identify(self) -> str:
        return f"memory {id(self)}"


class TakesAnImageAndIgnoresIt(Mutated):
    """
    ClusterWork: image is the container image that was requested; a cluster that does not run the
        job in it refuses the work.
    """

    def check(self, work: ClusterWork, tracking_uri: str) -> None:
        super().check(replace(work, image=None), tracking_uri)


class EndsWhenTheScriptsTimeIsOver(Mutated):
    """
    ClusterWork: max_seconds is how long the script may run; the job may take longer, since it
        prepares and ends the script.
    """

    is_awaited = True

    def submit(self, works: Sequence[ClusterWork]) -> None:
        super().submit([_limited(work) for work in works])


def _limited(work: ClusterWork) -> ClusterWork:
    if work.max_seconds is None:
        return work
    words = [str(work.max_seconds), work.python, *work.arguments]
    return replace(work, python="timeout", arguments=words)


class GivesItsOwnEnvironmentOnly(Mutated):
    """
    ClusterWork: environment is added to the environment that the cluster gives its jobs.
    """

    def submit(self, works: Sequence[ClusterWork]) -> None:
        super().submit([_through(work, "unset PATH") for work in works])


class DropsLongValues(Mutated):
    """
    ClusterWork: environment is added to the environment that the cluster gives its jobs.
    """

    def submit(self, works: Sequence[ClusterWork]) -> None:
        super().submit(
            [
                replace(work, environment={k: v[:32_000] for k, v in work.environment.items()})
                for work in works
            ]
        )


class DropsEmptyValues(Mutated):
    """
    ClusterWork: environment is added to the environment that the cluster gives its jobs.
    """

    def submit(self, works: Sequence[ClusterWork]) -> None:
        super().submit(
            [
                replace(work, environment={k: v for k, v in work.environment.items() if v})
                for work in works
            ]
        )


class DropsEmptyArguments(Mutated):
    """
    ClusterWork: The first of the job's nodes runs python with arguments; the target's settings may
        name another Python of the nodes.
    """

    def submit(self, works: Sequence[ClusterWork]) -> None:
        super().submit([replace(w, arguments=[a for a in w.arguments if a]) for w in works])


class RunsTheArgumentsOfTheFirst(Mutated):
    """
    Cluster.submit: Put works into the queue, each once.
    """

    def submit(self, works: Sequence[ClusterWork]) -> None:
        super().submit([replace(work, arguments=works[0].arguments) for work in works])


class TakesASignalForAGoodEnd(Mutated):
    """
    ClusterWork: The first of the job's nodes runs python with arguments; the target's settings may
        name another Python of the nodes.
    """

    def _job(self, name: str) -> ClusterJob:
        job, process = super()._job(name), self._processes.get(name)
        is_killed = process is not None and (process.poll() or 0) < 0
        is_failed = job.state is JobState.FAILED
        return replace(job, state=JobState.COMPLETED) if is_killed and is_failed else job


class QueuesForeverWhatDoesNotStart(Mutated):
    """
    ClusterWork: The first of the job's nodes runs python with arguments; the target's settings may
        name another Python of the nodes.
    """

    is_awaited = True

    def _job(self, name: str) -> ClusterJob:
        job = super()._job(name)
        return replace(job, state=JobState.PREPARING) if job.exit_code == 127 else job


class LeavesWhatTheCommandLeaves(Mutated):
    """
    Cluster: When a job's command has ended, or was killed, the cluster ends the processes that it
        has left.
    """

    is_awaited = True

    def _schedule(self) -> None:
        super()._schedule()
        for process in self._processes.values():
            process.__class__ = subprocess.Popen

    def end_all(self) -> None:
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


class AnswersNowFromAnOldAnswer(Mutated):
    """
    Cluster.look: With now the cluster is asked at once, and each name is in the answer.
    """

    _asked = 0.0
    _known: frozenset[str] = frozenset()

    def look(self, names: Sequence[str], *, now: bool = False) -> Mapping[str, ClusterJob]:
        if time.monotonic() - self._asked > 10:
            self._asked, self._known = time.monotonic(), frozenset(self._works)
        gone = {name: ClusterJob(state=JobState.UNKNOWN) for name in names} if now else {}
        return {**gone, **super().look([name for name in names if name in self._known])}


class EndsOnlyTheFirstProcess(Mutated):
    """
    Cluster.cancel: Take jobs out of the queue, and end those that run; unknown ones are ignored.
    """

    is_awaited = True

    def cancel(self, names: Sequence[str]) -> None:
        for name in names:
            if name in self._works:
                self._canceled.add(name)
            if name in self._processes:
                self._processes[name].kill()
                self._processes[name].wait()  # a look that sees its end would end the others

    def end_all(self) -> None:
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


class EndsPolitely(Mutated):
    """
    Cluster.cancel: Take jobs out of the queue, and end those that run; unknown ones are ignored.
    """

    is_awaited = True

    def cancel(self, names: Sequence[str]) -> None:
        for name in names:
            if name in self._works:
                self._canceled.add(name)
            if name in self._processes and self._processes[name].poll() is None:
                os.killpg(self._processes[name].pid, signal.SIGTERM)


class CancelsAllForNone(Mutated):
    """
    Cluster.cancel: Take jobs out of the queue, and end those that run; unknown ones are ignored.
    """

    def cancel(self, names: Sequence[str]) -> None:
        super().cancel(names or [*self._works])


class CancelsWhatIsOver(Mutated):
    """
    Cluster.cancel: A job that is over keeps its end, or is forgotten.
    """

    def cancel(self, names: Sequence[str]) -> None:
        super().cancel(names)
        self._canceled.update(name for name in names if name in self._works)


class SwallowsARefusal(Mutated):
    """
    Cluster.submit: Raises ComputeTargetException if the cluster refuses a work; those before it are
        in the queue.
    """

    def submit(self, works: Sequence[ClusterWork]) -> None:
        with contextlib.suppress(ComputeTargetException):
            super().submit(works)


class TakesAllOrNone(Mutated):
    """
    Cluster.submit: Raises ComputeTargetException if the cluster refuses a work; those before it are
        in the queue.
    """

    def submit(self, works: Sequence[ClusterWork]) -> None:
        for work in works:
            self.check(work, "")
        super().submit(works)


class TakesSilenceForTheEnd(Mutated):
    """
    Cluster.look: Raises Unavailable.
    """

    def look(self, names: Sequence[str], *, now: bool = False) -> Mapping[str, ClusterJob]:
        try:
            return super().look(names, now=now)
        except Unavailable:
            return {name: ClusterJob(state=JobState.UNKNOWN) for name in names}


class TakesAnOldSilenceForTheEnd(TakesSilenceForTheEnd):
    """
    Cluster.look: A job is JobState.UNKNOWN only by an answer that is younger than the call.
    """

    def look(self, names: Sequence[str], *, now: bool = False) -> Mapping[str, ClusterJob]:
        if now:
            self._answer()
        return super().look(names, now=now)


class CancelsInSilence(Mutated):
    """
    Cluster.cancel: Raises Unavailable.
    """

    def cancel(self, names: Sequence[str]) -> None:
        with contextlib.suppress(Unavailable):
            super().cancel(names)


class SubmitsInSilence(Mutated):
    """
    Cluster.submit: Raises Unavailable if the cluster does not answer for a minute; the work may be
        in the queue all the same.
    """

    def submit(self, works: Sequence[ClusterWork]) -> None:
        with contextlib.suppress(Unavailable):
            super().submit(works)


class SubmitsAgainWithoutAsking(Mutated):
    """
    Cluster.submit: If the answer of the cluster is lost, it is asked for the work's name before the
        work is submitted again.
    """

    def submit(self, works: Sequence[ClusterWork]) -> None:
        super().submit(works)
        if self.loses_answers:
            for work in works:
                self._processes.pop(work.name).wait()
            self._schedule()


class RefusesWhatIsThereAlready(Mutated):
    """
    Cluster.submit: If the answer of the cluster is lost, it is asked for the work's name before the
        work is submitted again.
    """

    def submit(self, works: Sequence[ClusterWork]) -> None:
        super().submit(works)
        if self.loses_answers:
            raise ComputeTargetException("409: a job of this name exists already")


class PassesOnNoSignals(Mutated):
    """
    Cluster.spread: They begin with SIGUSR1 and SIGUSR2 ignored, and get those that the command
        gets.
    """

    def spread(self, nodes: int, processes: int, *, is_mpi: bool = False) -> Sequence[str]:
        words = super().spread(nodes, processes, is_mpi=is_mpi)
        code = (
            "import signal, subprocess, sys; process = subprocess.Popen(sys.argv[1:]); "
            "signal.signal(signal.SIGUSR1, lambda *_: (process.kill(), sys.exit(1))); "
            "sys.exit(process.wait())"
        )
        return [sys.executable, "-c", code, *words]


class LetsSignalsEndThem(Mutated):
    """
    Cluster.spread: They begin with SIGUSR1 and SIGUSR2 ignored, and get those that the command
        gets.
    """

    def spread(self, nodes: int, processes: int, *, is_mpi: bool = False) -> Sequence[str]:
        words = super().spread(nodes, processes, is_mpi=is_mpi)
        code = (
            "import os, signal, sys; signal.signal(signal.SIGUSR2, signal.SIG_DFL); "
            "os.execvp(sys.argv[1], sys.argv[1:])"
        )
        return [*words, sys.executable, "-c", code]


def _through(work: ClusterWork, command: str) -> ClusterWork:
    """Return a work whose command a shell runs after another command."""
    line = shlex.join([work.python, *work.arguments])
    return replace(work, python="/bin/sh", arguments=["-c", f"{command}; exec {line}"])


MUTANTS = [
    each
    for each in vars().values()
    if isinstance(each, type) and issubclass(each, Mutated) and each.__module__ == __name__
]
