"""Hears the signal by which a cluster tells a job's agent that its run is to end."""

from __future__ import annotations

import os
import signal
from select import select
from types import FrameType

from amlflow.spec import NUDGE


class Nudges:
    """The nudges of this process. It is made in the main thread, which also waits by it."""

    def __init__(self) -> None:
        self._is_nudged = False
        # A signal ends no time.sleep, but it makes this pipe readable.
        self._pipe, writing = os.pipe()
        for end in (self._pipe, writing):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        signal.signal(signal.Signals[NUDGE], self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # No lock may be taken here: the main thread may hold it.
        self._is_nudged = True

    def take(self) -> bool:
        """Whether there was a nudge since the last call."""
        is_nudged, self._is_nudged = self._is_nudged, False
        return is_nudged

    def pause(self, seconds: float) -> None:
        """Wait so long, or until a signal comes."""
        if select([self._pipe], [], [], seconds)[0]:
            os.read(self._pipe, 1024)
