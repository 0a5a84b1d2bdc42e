"""What every part of a Run stands on: its experiment, its record and the tracker."""

from __future__ import annotations

import os
import threading

from amlflow.core.store import ExperimentBase, HasStore
from amlflow.spec import FINAL, RunChange, RunRecord, transition

_following = threading.Lock()
"""Held for as long as a record takes in what threads have changed, or read, at the same time."""


class RunBase(HasStore):
    """A run's experiment and what is known of it."""

    _experiment: ExperimentBase
    _record: RunRecord
    # The folders of the working folder whose files become the run's when it ends.
    _tracked: tuple[str, ...] = ()
    _working_folder: str = "."
    # For each thread that asks for the record now: what has been changed meanwhile.
    _meanwhile: tuple[list[RunChange], ...] = ()

    @property
    def id(self) -> str:
        """The run's id, unique in its experiment."""
        return display_id(self._record)

    @property
    def _run_id(self) -> str:
        """v1's private name of :attr:`id`, which scripts read."""
        return self.id

    @property
    def experiment(self) -> ExperimentBase:
        """The experiment that the run belongs to."""
        return self._experiment

    def _reload(self) -> RunRecord:
        """The record as the tracker has it now.

        What other threads change while it is asked for stays in it.
        """
        meanwhile: list[RunChange] = []
        with _following:
            self._meanwhile = (*self._meanwhile, meanwhile)
        record = None
        try:
            record = self._tracker.get_run(self._record.id)
        finally:
            with _following:
                self._meanwhile = tuple(
                    changes for changes in self._meanwhile if changes is not meanwhile
                )
                if record is not None:
                    for change in meanwhile:
                        record = transition(record, change)
                    self._record = record
        return record

    def _update(self, change: RunChange) -> None:
        """Make a change; the record follows without asking."""
        self._tracker.update_run(self._record.id, change)
        with _following:
            self._record = transition(self._record, change)
            for meanwhile in self._meanwhile:
                meanwhile.append(change)

    def _has_ended(self) -> bool:
        """Whether the last known status is final."""
        return self._record.status in FINAL


def display_id(record: RunRecord) -> str:
    """The id that users see: the one they asked for, or else the tracker's."""
    return record.alias or record.id


def record_of(run: RunBase) -> RunRecord:
    """What is known of a run, without asking the tracker."""
    return run._record


def reload_record(run: RunBase) -> RunRecord:
    """What the tracker knows of a run now; the run knows it from now on."""
    return run._reload()


def stay_in_folder(run: RunBase) -> None:
    """Have the run find its outputs where this process is now; a script may change its folder."""
    run._working_folder = os.getcwd()
