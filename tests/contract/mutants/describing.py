"""Clusters that tell something else of themselves."""

from __future__ import annotations

import dataclasses

from amlflow.spec import ClusterStatus

from mutants.queueing import Mutated

replace = dataclasses.replace


class Described(Mutated):
    """A cluster that tells something else of itself."""

    def change(self, status: ClusterStatus) -> ClusterStatus:
        raise NotImplementedError

    def describe(self) -> ClusterStatus:
        return self.change(super().describe())


class CountsTheWaitingAsRunning(Described):
    """
    ClusterStatus: running and waiting are amlflow's jobs; others_running and others_waiting are all
        others.
    """

    is_awaited = True

    def change(self, status: ClusterStatus) -> ClusterStatus:
        return replace(status, running=status.running + status.waiting, waiting=0)


class CountsAllAsOthers(Described):
    """
    ClusterStatus: running and waiting are amlflow's jobs; others_running and others_waiting are all
        others.
    """

    is_awaited = True

    def change(self, status: ClusterStatus) -> ClusterStatus:
        return replace(
            status, running=0, waiting=0, others_running=status.running,
            others_waiting=status.waiting,
        )  # fmt: skip


class CountsTwice(Described):
    """
    ClusterStatus: running and waiting are amlflow's jobs; others_running and others_waiting are all
        others.
    """

    def change(self, status: ClusterStatus) -> ClusterStatus:
        return replace(status, others_running=status.running)


class LosesBusyNodes(Described):
    """
    Partition: A part of a cluster whose jobs wait in one queue, and how many of its nodes do what.
    """

    def change(self, status: ClusterStatus) -> ClusterStatus:
        return replace(status, partitions=[replace(part, in_use=0) for part in status.partitions])


class OnePartitionTwice(Described):
    """
    Partition: A part of a cluster whose jobs wait in one queue, and how many of its nodes do what.
    """

    def change(self, status: ClusterStatus) -> ClusterStatus:
        return replace(status, partitions=[*status.partitions, *status.partitions])


MUTANTS = Described.__subclasses__()
