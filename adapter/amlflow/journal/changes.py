"""Which changes of runs are in the journal, but not yet in the tracker."""

from __future__ import annotations

import dataclasses
import threading

from amlflow.spec import RunRecord, Status


class Changes:
    """The number of the last journaled change of each run. Readers wait until it is sent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last_numbers: dict[str, int] = {}

    def note(self, run_id: str, number: int) -> None:
        """Note a journaled change. Threads may note their changes in any order."""
        with self._lock:
            self._last_numbers[run_id] = max(number, self._last_numbers.get(run_id, 0))

    def last(self, run_id: str | None = None) -> int:
        """Return the number of the last change of a run, or of all runs. 0 if nothing waits."""
        with self._lock:
            if run_id in self._last_numbers:
                return self._last_numbers[run_id]
            # A run has several ids, so its changes may be noted under another id.
            return max(self._last_numbers.values(), default=0)

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._last_numbers

    def forget(self, last: int) -> None:
        """Forget the changes up to a number: they are in the tracker."""
        with self._lock:
            self._last_numbers = {
                run_id: number for run_id, number in self._last_numbers.items() if number > last
            }


def with_liveness(run: RunRecord, dead: set[str]) -> RunRecord:
    """Return a record as users see it: NotResponding if a running run's process has died."""
    if run.id in dead and run.status == Status.RUNNING:
        return dataclasses.replace(run, status=Status.NOT_RESPONDING)
    return run
