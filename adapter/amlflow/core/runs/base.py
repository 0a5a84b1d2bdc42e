"""What every part of a Run stands on: its experiment, its record and the tracker."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from amlflow.spec import FINAL, RunChange, RunRecord

if TYPE_CHECKING:
    from amlflow.core.experiment import Experiment
    from amlflow.layers.layer import Layer

logger = logging.getLogger("amlflow")

_following = threading.Lock()
"""Held for as long as a record takes in what threads have changed, or read, at the same time."""


class RunBase:
    """A run's experiment and what is known of it."""

    _experiment: Experiment
    _record: RunRecord
    # The folders of the working folder whose files become the run's when it ends.
    _tracked: tuple[str, ...] = ()
    _working_folder: str = "."
    # For each thread that asks for the record now: what has been changed meanwhile.
    _meanwhile: tuple[list[RunChange], ...] = ()

    @property
    def _tracker(self) -> Layer:
        return self._experiment._workspace._tracker

    @property
    def id(self) -> str:
        """The run's id, unique in its experiment."""
        return self._record.alias or self._record.id

    @property
    def _run_id(self) -> str:
        """v1's private name of :attr:`id`, which scripts read."""
        return self.id

    @property
    def experiment(self) -> Experiment:
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
                self._meanwhile = tuple(each for each in self._meanwhile if each is not meanwhile)
                if record is not None:
                    for change in meanwhile:
                        record = record.changed(change)
                    self._record = record
        return record

    def _update(self, change: RunChange) -> None:
        """Make a change; the record follows without asking."""
        self._tracker.update_run(self._record.id, change)
        with _following:
            self._record = self._record.changed(change)
            for meanwhile in self._meanwhile:
                meanwhile.append(change)

    def _ended(self) -> bool:
        """Whether the last known status is final."""
        return self._record.status in FINAL
