"""Mutants of the reference tracker: deleted runs, and links."""

from __future__ import annotations

import dataclasses

from amlflow import spec
from amlflow.spec import (
    RunQuery,
    RunRecord,
)
from amlflow.testing.memory import MemoryTracker

replace = dataclasses.replace


class DeletedIsGone(MemoryTracker):
    """
    delete_run: Take a run out of all searches; its child runs stay, and get_run still returns it.
    """

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        run = super().get_run(run_id, experiment_id)
        if run.id in self._deleted:
            raise spec.RunNotFound(run_id)
        return run


class DeletedUnmarked(MemoryTracker):
    """
    RunRecord: deleted tells that the run was deleted by itself (delete_run); searches do not find
        it.
    """

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        return replace(super().get_run(run_id, experiment_id), deleted=False)


class DeletedWithChildren(MemoryTracker):
    """
    delete_run: Take a run out of all searches; its child runs stay, and get_run still returns it.
    """

    def delete_run(self, run_id: str) -> None:
        super().delete_run(run_id)
        self._deleted |= {run.id for run in self._runs.values() if run.parent_id == run_id}


class StillSearched(MemoryTracker):
    """
    delete_run: Take a run out of all searches; its child runs stay, and get_run still returns it.
    """

    def count_runs(self, query: RunQuery) -> int:
        return super().count_runs(query) + len(self._deleted)


class DeletedTwice(MemoryTracker):
    """delete_run: To delete a deleted run changes nothing."""

    def delete_run(self, run_id: str) -> None:
        self._deleted ^= {self.get_run(run_id).id}


class RestoredEmpty(MemoryTracker):
    """restore_run: Undo delete_run: searches find the run again, with all that it had."""

    def restore_run(self, run_id: str) -> None:
        super().restore_run(run_id)
        self._points[run_id] = {}


class RestoredTwice(MemoryTracker):
    """restore_run: To restore a run that is not deleted changes nothing."""

    def restore_run(self, run_id: str) -> None:
        if self.get_run(run_id).id not in self._deleted:
            raise spec.RunNotFound(run_id)
        super().restore_run(run_id)


class OneLinkForAllRuns(MemoryTracker):
    """run_link: The address of the run's web page."""

    def run_link(self, run: RunRecord) -> str:
        return f"{self.uri}/runs"


class OneLinkForAllExperiments(MemoryTracker):
    """experiment_link: The address of the experiment's web page."""

    def experiment_link(self, experiment_id: str) -> str:
        return f"{self.uri}/experiments"


MUTANTS = [each for each in MemoryTracker.__subclasses__() if each.__module__ == __name__]
