"""Runs functions in other processes that use the same tracker."""

from __future__ import annotations

import atexit
import functools
import multiprocessing
import os
import select
import signal
import struct
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeVar

from amlflow.spec import Tracker

PROCESSES = 3
TIMEOUT_S = 180
"""How long a call may take on a busy machine."""
T = TypeVar("T")

Opener = Callable[[str], Tracker]
"""A function that opens the tracker at a URI, with one object for each process.

Other processes import it by its name.
"""


ROUNDS = 4
"""How often a race is run: a tracker that reads and then writes does not fail each time."""


@functools.cache
def processes(method: str) -> tuple[Any, Any]:
    """Return a pool of processes, and a barrier for them.

    All tests share them, since starting the processes takes a while.
    """
    context: Any = multiprocessing.get_context(method)
    barrier = context.Barrier(PROCESSES)
    pool = context.Pool(PROCESSES, _keep_barrier, [barrier])
    atexit.register(pool.terminate)
    return pool, barrier


_barrier: Any = None
"""In one of these processes: the barrier at which all of them wait for each other."""


def _keep_barrier(barrier: Any) -> None:
    global _barrier
    _barrier = barrier


class Others:
    """Other processes. Each opens its own tracker at the same URI, and keeps it open.

    ``method`` is the start method of multiprocessing.
    """

    def __init__(self, opener: Opener, uri: str, method: str = "spawn") -> None:
        self._opener, self._uri, self._method = opener, uri, method

    def at_once(self, work: Callable[..., T], *arguments: Any) -> list[T]:
        """Call ``work(tracker, *arguments, me)`` in all processes at once, and return the results.

        ``me`` is the number of the process.
        """
        [outcomes] = self.in_rounds(work, [arguments])
        return outcomes

    def in_rounds(self, work: Callable[..., T], rounds: Sequence[tuple[Any, ...]]) -> list[list[T]]:
        """Call ``work(tracker, *arguments, me)`` in all processes, once for each round.

        ``rounds`` has the arguments of each round, which all processes begin together. Returns the
        results of each round.
        """
        pool, barrier = processes(self._method)
        barrier.reset()  # a test that failed may have left it broken
        calls = [(self._opener, self._uri, work, rounds, me) for me in range(PROCESSES)]
        outcomes: list[list[T]] = pool.starmap_async(_in_race, calls, 1).get(TIMEOUT_S)
        counts = [len(of_process) for of_process in outcomes]
        assert counts == [len(rounds)] * PROCESSES, f"the processes came to rounds {counts}"
        return [list(of_round) for of_round in zip(*outcomes, strict=True)]

    def in_one(self, work: Callable[..., T], *arguments: Any) -> T:
        """Call ``work(tracker, *arguments)`` in one of the processes, and return its result."""
        pool, _ = processes(self._method)
        call = (self._opener, self._uri, work, arguments)
        outcome: T = pool.apply_async(_in_process, call).get(TIMEOUT_S)
        return outcome

    def in_fork(self, work: Callable[..., object], *arguments: Any) -> int:
        """Call ``work(tracker, *arguments)`` in a child, and return the child's exit code.

        The child is forked from a process in which the tracker is open.
        """
        return self.in_one(_fork, self._opener, self._uri, work, arguments)

    def killed_after(
        self, steps: int, part: float, work: Callable[..., object], *arguments: Any
    ) -> int:
        """Kill a process that runs ``work(tracker, *arguments, report)``.

        The process opens its own tracker, and calls ``report()`` after each step. It is killed
        during the step after the first ``steps`` steps. ``part`` says when: 0.5 is after half the
        time that the longest step took, except the first. A process that ends before is not waited
        for any longer. Returns how often the process has called ``report()``.
        """
        pool, _ = processes(self._method)
        call = (self._opener, self._uri, work, arguments, steps, part)
        count: int = pool.apply_async(_kill, call).get(TIMEOUT_S)
        return count


def _in_process(opener: Opener, uri: str, work: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    return work(opener(uri), *arguments)


def _in_race(
    opener: Opener, uri: str, work: Callable[..., T], rounds: Sequence[tuple[Any, ...]], me: int
) -> list[T]:
    tracker = opener(uri)
    next(iter(tracker.list_experiments()), None)  # load and connect everything before the race
    outcomes = []
    for arguments in rounds:
        try:
            _barrier.wait(TIMEOUT_S)
        except threading.BrokenBarrierError:
            break
        try:
            outcomes.append(work(tracker, *arguments, me))
        except BaseException:
            _barrier.abort()  # the others must not wait for this process any more
            raise
    return outcomes


def _fork(
    tracker: Tracker, opener: Opener, uri: str, work: Callable[..., Any], arguments: tuple[Any, ...]
) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work(opener(uri), *arguments)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _kill(
    opener: Opener,
    uri: str,
    work: Callable[..., Any],
    arguments: tuple[Any, ...],
    steps: int,
    part: float,
) -> int:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            work(opener(uri), *arguments, lambda: os.write(writing, struct.pack("?", True)))
        except BaseException:  # nobody else says why it ended before it was killed
            traceback.print_exc()
            raise
        finally:
            os._exit(1)
    os.close(writing)
    times = [time.perf_counter()]
    with os.fdopen(reading, "rb", buffering=0) as file:
        while len(times) <= steps and file.read(1):
            times.append(time.perf_counter())
        # The first step opens the tracker, and one that does little says little of the next.
        lasted = [end - begin for begin, end in pairwise(times)]
        deadline = times[-1] + part * max(lasted[1:] or lasted, default=0)
        count = len(times) - 1
        while (left := deadline - time.perf_counter()) > 0:
            ready, _, _ = select.select([file], [], [], left)
            if ready and not file.read(1):
                break  # it has ended
            count += len(ready)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return count + len(file.read())
