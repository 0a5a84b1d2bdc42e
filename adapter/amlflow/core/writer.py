"""This process as a writer of metrics: it stamps each point so that no two are the same."""

from __future__ import annotations

import os
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from amlflow.spec import TICK

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_TICK_MS = TICK // timedelta(milliseconds=1)


@dataclass(slots=True)
class _Last:
    """The last stamp of one name in one run."""

    order: int = -1
    milliseconds: int = 0
    position: int = -1
    stepped: bool = False


class Writer:
    """Stamps points with an order and a time that grow, as :class:`amlflow.spec.Point` asks."""

    def __init__(self) -> None:
        self.id = uuid.uuid4().hex
        self._last: dict[str, dict[str, _Last]] = {}
        self._turns: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def turn(self, run_id: str) -> threading.Lock:
        """Held while a point is stamped and sent, so that points arrive in the order of stamps."""
        with self._lock:
            return self._turns.setdefault(run_id, threading.Lock())

    def stamp(self, run_id: str, name: str, step: int | None) -> tuple[int, datetime]:
        """The order and time of the next point of this name in this run."""
        now = time.time_ns() // 1_000_000
        with self._lock:
            last = self._last.setdefault(run_id, {}).setdefault(name, _Last())
            last.order += 1
            position = last.order if step is None else step
            now = max(now - now % _TICK_MS, last.milliseconds)
            if now == last.milliseconds and (
                position <= last.position or (step is not None) != last.stepped
            ):
                now += _TICK_MS
            last.milliseconds, last.position = now, position
            last.stepped = step is not None
            return last.order, _EPOCH + timedelta(milliseconds=now)

    def forget(self, run_id: str) -> None:
        """The run has ended, and its stamps are of no more use."""
        with self._lock:
            self._last.pop(run_id, None)
            self._turns.pop(run_id, None)


_writer = Writer()


def this_writer() -> Writer:
    """The writer of this process."""
    return _writer


def _after_fork() -> None:
    # A forked process logs on its own, so it must not pass for its parent.
    global _writer
    _writer = Writer()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
