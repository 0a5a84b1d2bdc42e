"""A tracker some of whose calls take a while, for mutants that a test kills in a later call."""

from __future__ import annotations

from amlflow.spec import RunChange
from helpers.shared_tracker import SharedTracker

from mutants.meeting import linger


class Lingering(SharedTracker):
    """A tracker whose first change of a run, and each removal of an experiment, takes a while."""

    def update_run(self, run_id: str, change: RunChange) -> None:
        super().update_run(run_id, change)
        if "has_lingered" not in self.__dict__:
            self.__dict__["has_lingered"] = True
            linger()

    def delete_experiment(self, experiment_id: str) -> None:
        super().delete_experiment(experiment_id)
        linger()
