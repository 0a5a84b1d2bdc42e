"""The reference cluster with wrong answers about jobs, and with signals that do something else."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Mapping, Sequence

from amlflow.spec import ClusterJob, JobState

from mutants.queueing import Mutated

replace = dataclasses.replace


class CancelledJobsHaveFailed(Mutated):
    """
    Cluster.cancel: Returns when the cluster has accepted that.
    """

    def _job(self, name: str) -> ClusterJob:
        job = super()._job(name)
        is_canceled = job.state is JobState.CANCELED
        return replace(job, state=JobState.FAILED) if is_canceled else job


class NudgesByEnding(Mutated):
    """
    Cluster.nudge: Send the signal NUDGE to the commands of jobs that run, on their first nodes.
    """

    is_awaited = True

    def nudge(self, names: Sequence[str]) -> None:
        for name in names:
            if name in self._processes:
                self._processes[name].send_signal(signal.SIGTERM)


class NudgesWaitingJobsOut(Mutated):
    """
    Cluster.nudge: Other jobs are not changed, and unknown ones are ignored.
    """

    def nudge(self, names: Sequence[str]) -> None:
        super().nudge(names)
        self._canceled.update(name for name in self._waiting() if name in names)


class SaysAReasonForEachEnd(Mutated):
    """
    ClusterJob: reason says in the cluster's own words why the job waits, or in a sentence why it
        has ended or is being ended; it is None where the command has ended by itself.
    """

    def _job(self, name: str) -> ClusterJob:
        job = super()._job(name)
        return job if job.reason else replace(job, reason=f"It is {job.state.name}.")


class TakesUnknownJobsForQueued(Mutated):
    """
    Cluster.look: With now the cluster is asked at once, and each name is in the answer.
    """

    def look(self, names: Sequence[str], *, now: bool = False) -> Mapping[str, ClusterJob]:
        jobs = super().look(names, now=now)
        return {
            name: replace(job, state=JobState.QUEUED) if job.state is JobState.UNKNOWN else job
            for name, job in jobs.items()
        }


MUTANTS = Mutated.__subclasses__()
MUTANTS = [each for each in MUTANTS if each.__module__ == __name__]
