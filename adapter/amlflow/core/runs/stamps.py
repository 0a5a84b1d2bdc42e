"""Gives each point that this process writes a unique stamp: its order and its time."""

from __future__ import annotations

import os
import threading
import time
import uuid
from datetime import datetime, timedelta

from amlflow.spec import TICK
from amlflow.times import EPOCH

_TICK_MS = TICK // timedelta(milliseconds=1)


class _Last:
    """The last stamp of one metric of one run."""

    __slots__ = ("milliseconds", "order", "position", "stepped", "time")

    def __init__(self) -> None:
        self.order = -1
        self.milliseconds, self.time = 0, EPOCH
        self.position = -1
        self.stepped = False


class Turn:
    """The stamps of one run. Hold ``lock`` while you stamp a point and pass it on.

    The lock keeps the points in the order of their stamps, as :class:`amlflow.spec.Point` requires.
    """

    __slots__ = ("_last", "lock")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._last: dict[str, _Last] = {}

    def stamp(self, name: str, step: int | None) -> tuple[int, datetime]:
        """Return the order and time of the next point of this metric."""
        now = time.time_ns() // 1_000_000
        now -= now % _TICK_MS
        last = self._last.get(name)
        if last is None:
            last = self._last[name] = _Last()
        last.order = order = last.order + 1
        stepped = step is not None
        position = order if step is None else step
        last_ms = last.milliseconds
        if now <= last_ms:
            now = last_ms
            if position <= last.position or stepped != last.stepped:
                now += _TICK_MS
        if now != last_ms:
            last.milliseconds, last.time = now, EPOCH + timedelta(0, 0, 0, now)
        last.position, last.stepped = position, stepped
        return order, last.time


class Names:
    """The names of one run's files that this process knows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[str] = set()

    def take(self, name: str) -> bool:
        """Reserve a name. False if it is taken, or would be a file and a folder at once."""
        with self._lock:
            is_free = not any(
                name == other or name.startswith(f"{other}/") or other.startswith(f"{name}/")
                for other in self._taken
            )
            if is_free:
                self._taken.add(name)
            return is_free


class Writer:
    """A process that writes metrics: its id, its stamps, and the file names of its runs."""

    def __init__(self) -> None:
        self.id = uuid.uuid4().hex
        self._turns: dict[str, Turn] = {}
        self._names: dict[str, Names] = {}

    def start(self, run_id: str) -> None:
        """Note that this process has created the run, so that the run has no files yet."""
        self._names[run_id] = Names()

    def names(self, run_id: str) -> Names | None:
        """Return the names of a run's files; None if other processes may have stored some."""
        return self._names.get(run_id)

    def turn(self, run_id: str) -> Turn:
        """Return the stamps of a run."""
        turn = self._turns.get(run_id)
        # If several threads call this at once, all get the same object.
        return self._turns.setdefault(run_id, Turn()) if turn is None else turn

    def forget(self, run_id: str) -> None:
        """Forget the stamps and file names of a run that has ended."""
        self._turns.pop(run_id, None)
        self._names.pop(run_id, None)


_writer = Writer()


def this_writer() -> Writer:
    """Return the writer of this process."""
    return _writer


def _after_fork() -> None:
    # A forked process logs by itself, so it needs another id than its parent.
    global _writer
    _writer = Writer()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
