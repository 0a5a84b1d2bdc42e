"""Which changes of runs are journaled and not yet in the tracker."""

from __future__ import annotations

import dataclasses
import threading

from amlflow.spec import RunRecord, Status


class Changes:
    """The numbers of the last changes of each run that are journaled, for whoever reads it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, int] = {}

    def note(self, run_id: str, number: int) -> None:
        """A change has been journaled; threads may say so in another order than they did it."""
        with self._lock:
            self._last[run_id] = max(number, self._last.get(run_id, 0))

    def last(self, run_id: str | None = None) -> int:
        """The number of the last change of a run, or of all; 0 if all have arrived."""
        with self._lock:
            if run_id in self._last:
                return self._last[run_id]
            # Under another id than that of the changes, it may be any run.
            return max(self._last.values(), default=0)

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._last

    def forget(self, done: int) -> None:
        """All changes up to a number have arrived."""
        with self._lock:
            self._last = {run_id: last for run_id, last in self._last.items() if last > done}


def with_liveness(run: RunRecord, dead: set[str]) -> RunRecord:
    """The record as others see it: a running run whose process has died is NotResponding."""
    if run.id in dead and run.status == Status.RUNNING:
        return dataclasses.replace(run, status=Status.NOT_RESPONDING)
    return run
