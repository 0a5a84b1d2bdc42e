"""A tracker that ends its process in the middle of a call, for tests that kill a process there."""

from __future__ import annotations

import multiprocessing
import os
import signal

from helpers.shared_tracker import SharedTracker

REPEATED = 2
"""How often a process makes a call that it repeats before a test kills it."""


class Dying(SharedTracker):
    """A tracker whose process ends in the middle of a call, as if it had been killed there.

    A test kills a process after a part of the time that a call takes. By then a call may not have
    changed anything. So the tests wait until a process with this tracker has ended by itself.

    ``caught_by`` is the test whose process makes the call. In another test, no process would end.
    """

    caught_by: str

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self._middles = 0

    def die(self, *, after: int = 0) -> None:
        """End the process, if it is one that a test kills, and has come here ``after`` times."""
        self._middles += 1
        if self._middles > after and _is_to_be_killed():
            os.kill(os.getpid(), signal.SIGKILL)


def _is_to_be_killed() -> bool:
    """Whether this is a fork of a process of the pool that tests use."""
    starter = multiprocessing.parent_process()
    return starter is not None and starter.pid != os.getppid()
