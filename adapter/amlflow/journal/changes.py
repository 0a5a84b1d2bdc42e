"""Which changes of runs are journaled and not yet in the tracker."""

from __future__ import annotations

import dataclasses
import threading

from amlflow.spec import RunRecord, Status


class Changes:
    """The number of the last journaled change of each run: a reader waits until it is sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_numbers: dict[str, int] = {}

    def note(self, run_id: str, number: int) -> None:
        """A change has been journaled; threads may say so in another order than they did it."""
        with self._lock:
            self._last_numbers[run_id] = max(number, self._last_numbers.get(run_id, 0))

    def last(self, run_id: str | None = None) -> int:
        """The number of the last change of a run, or of all; 0 if all have arrived."""
        with self._lock:
            if run_id in self._last_numbers:
                return self._last_numbers[run_id]
            # Under another id than that of the changes, it may be any run.
            return max(self._last_numbers.values(), default=0)

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._last_numbers

    def forget(self, last: int) -> None:
        """All changes up to a number have arrived."""
        with self._lock:
            self._last_numbers = {
                run_id: number for run_id, number in self._last_numbers.items() if number > last
            }


def with_liveness(run: RunRecord, dead: set[str]) -> RunRecord:
    """The record as others see it: a running run whose process has died is NotResponding."""
    if run.id in dead and run.status == Status.RUNNING:
        return dataclasses.replace(run, status=Status.NOT_RESPONDING)
    return run
