"""Passes on the signals that a cluster sends for the script to the process that runs it.

A user can ask for such a signal, as with ``sbatch --signal=B:USR1@120``, so that the script writes
a checkpoint before its time is over. The cluster sends it to the job's command, which is the agent.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

PASSED = (signal.SIGUSR1, signal.SIGUSR2)


class PassedSignals:
    """The signals that this process passes on. It is made in the main thread.

    Before and after :meth:`to`, they have no effect.
    """

    def __init__(self) -> None:
        self._send: Callable[[int], bool | None] | None = None
        for number in PASSED:
            signal.signal(number, self._on_signal)

    @contextlib.contextmanager
    def to(self, send: Callable[[int], bool | None] | None) -> Iterator[None]:
        """Pass the signals to a function that sends them to a process.

        The function returns False if the process has not started yet.
        """
        self._send = send
        try:
            yield
        finally:
            self._send = None

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.pass_on(number)

    def pass_on(self, number: int) -> bool:
        """Pass on a signal. Returns False if the process has not started yet."""
        if self._send is None:
            return False
        with contextlib.suppress(OSError):  # the process has just ended
            return self._send(number) is not False
        return True
