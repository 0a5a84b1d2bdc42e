"""Delays a fork while another thread is at work that must not be copied half-done.

The child of a fork has the locks of all threads of its parent, but only one thread.

- Python locks a module while a thread imports it. If a process is forked at that moment, an import
  of this module in the child waits for ever. MLflow's client tries to import pyspark in each call
  to a server, also in the thread that sends the journal. See :func:`wait_for_imports`.
- SQLite has locks of its own, and notes in the process's memory which files the process has locked.
  If a process is forked during a transaction, the child may wait for ever, may find the database
  locked for ever, and may undo the parent's transaction when it closes the connection
  (https://sqlite.org/howtocorrupt.html, "Carrying an open database connection across a fork").
  See :func:`delay_forks` and :func:`call_before_forks`.
- A lock of a module that a thread of the parent holds is never released in the child. See
  :func:`hold_during_forks`.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from types import FrameType

MAX_WAIT_S = 10.0
"""The longest wait of a fork. What it waits for may itself wait for a lock of the forking thread.
"""


class _Blocks:
    """The blocks of :func:`delay_forks` that are running, and the forks that wait for them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running: Counter[int] = Counter()
        self._forking: set[int] = set()

    def begin(self) -> None:
        me = threading.get_ident()
        with self._changed:
            # A signal handler may begin a block during a fork by its own thread.
            if self._forking - {me} and not self._running[me]:
                self._changed.wait_for(lambda: not self._forking - {me}, MAX_WAIT_S)
            self._running[me] += 1

    def end(self) -> None:
        me = threading.get_ident()
        with self._changed:
            self._running[me] -= 1
            if not self._running[me]:
                del self._running[me]
                if self._forking:
                    self._changed.notify_all()

    def hold(self) -> bool:
        """Wait until no other thread is in a block. No thread begins one until :meth:`let_go`.

        Returns whether no thread, also not this one, is in a block now.
        """
        me = threading.get_ident()
        with self._changed:
            self._forking.add(me)
            self._changed.wait_for(lambda: not self._running.keys() - {me}, MAX_WAIT_S)
            return not self._running

    def let_go(self) -> None:
        with self._changed:
            self._forking.discard(threading.get_ident())
            self._changed.notify_all()

    def start_anew(self) -> None:
        """In the child of a fork: keep the blocks of its only thread."""
        me = threading.get_ident()
        self._changed = threading.Condition()
        self._running = Counter({me: self._running[me]} if self._running[me] else {})
        self._forking = set()


class _Held(threading.local):
    """The locks that this thread holds during its fork."""

    def __init__(self) -> None:
        self.locks: list[threading.RLock] = []


_blocks = _Blocks()
_calls: list[Callable[[], None]] = []
_locks: list[threading.RLock] = []
_held = _Held()


@contextlib.contextmanager
def delay_forks() -> Iterator[None]:
    """Begin a block that a fork by another thread waits for, for :data:`MAX_WAIT_S` at most.

    A block that begins during the fork waits until the process is forked. Use it for each use of a
    SQLite database, and for nothing that waits for a network. Blocks may be nested.
    """
    _blocks.begin()
    try:
        yield
    finally:
        _blocks.end()


def call_before_forks(call: Callable[[], None]) -> None:
    """Have a call made before each fork, unless a block of :func:`delay_forks` still runs then.

    The call must not raise an error.
    """
    _calls.append(call)


def hold_during_forks(lock: threading.RLock) -> threading.RLock:
    """Have a lock of a module held during each fork, so that it is free in the child. Return it.

    Use it for a lock that a thread holds briefly, and not while it waits for another lock. A signal
    handler may need the lock during a fork by its own thread, so the lock is an RLock.
    """
    _locks.append(lock)
    return lock


def _prepare_fork() -> None:
    if _blocks.hold():
        for call in _calls:
            call()
    _held.locks.extend(lock for lock in _locks if lock.acquire(timeout=MAX_WAIT_S))


def _release() -> None:
    while _held.locks:
        _held.locks.pop().release()


def _end_in_parent() -> None:
    _release()
    _blocks.let_go()


def _end_in_child() -> None:
    _release()
    _blocks.start_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_prepare_fork)
    # Twice, because Python calls the handler of a signal that came during the fork when the first
    # begins. If the handler raises an error, such as KeyboardInterrupt, the first does nothing.
    for _ in range(2):
        os.register_at_fork(after_in_parent=_end_in_parent, after_in_child=_end_in_child)


def wait_for_imports() -> None:
    """Wait until no call of amlflow in another thread imports a module.

    The wait ends after :data:`MAX_WAIT_S` seconds in any case.
    """
    me, deadline = threading.get_ident(), time.monotonic() + MAX_WAIT_S
    while time.monotonic() < deadline:
        frames = _frames()
        if not any(_is_importing(frame) for thread, frame in frames.items() if thread != me):
            return
        time.sleep(0.001)


def _frames() -> dict[int, FrameType]:
    """Return the current frame of each thread, by the thread's identifier.

    The garbage collector is off during the call: at least in Python 3.11, a collection in this call
    waits for a lock that the call itself holds (https://github.com/python/cpython/issues/106883).
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return sys._current_frames()
    finally:
        if collects:
            gc.enable()


def _is_importing(frame: FrameType | None) -> bool:
    importing = False
    while frame is not None:
        if importing and frame.f_globals.get("__name__", "").startswith("amlflow"):
            return True
        importing = importing or frame.f_code.co_filename.startswith("<frozen importlib")
        frame = frame.f_back
    return False
