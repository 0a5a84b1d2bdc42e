"""The base class of all parts of a Run: its experiment, its record and the tracker."""

from __future__ import annotations

import contextlib
import os
import threading

from amlflow.core.store import HasExperiment
from amlflow.fork_safety import hold_during_forks
from amlflow.spec import FINAL, RunChange, RunRecord, transition

_following = hold_during_forks(threading.RLock())
"""The lock for replacing a record, because other threads may change or read it."""


class RunBase(HasExperiment):
    """A run's experiment and its last known record."""

    _record: RunRecord
    # The folders in the working folder whose files are stored in the run when it ends.
    _tracked: tuple[str, ...] = ()
    _working_folder: str = "."
    # One list for each thread that is reading the record: the changes since its reading began.
    _meanwhile: tuple[list[RunChange], ...] = ()

    @property
    def id(self) -> str:
        """The run's id, unique in its experiment."""
        return display_id(self._record)

    @property
    def _run_id(self) -> str:
        """v1's private name for :attr:`id`. Scripts read it."""
        return self.id

    def _reload(self) -> RunRecord:
        """Read the record from the tracker.

        Changes that other threads make during the call are kept in it.
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
        """Make a change, and apply it to the known record without reading it again."""
        self._tracker.update_run(self._record.id, change)
        with _following:
            self._record = transition(self._record, change)
            for meanwhile in self._meanwhile:
                meanwhile.append(change)

    def _has_ended(self) -> bool:
        """Whether the last known status is final."""
        return self._record.status in FINAL


def display_id(record: RunRecord) -> str:
    """Return the id that users see: the one they asked for, otherwise the tracker's."""
    return record.alias or record.id


def record_of(run: RunBase) -> RunRecord:
    """Return the last known record of a run, without asking the tracker."""
    return run._record


def reload_record(run: RunBase) -> RunRecord:
    """Read a run's record from the tracker. The run keeps it."""
    return run._reload()


def stay_in_folder(run: RunBase) -> None:
    """Remember the current working folder, because the script may change it later.

    The run's output folders are relative to the remembered folder.
    """
    with contextlib.suppress(FileNotFoundError):  # it was deleted, and so has no outputs
        run._working_folder = os.getcwd()
