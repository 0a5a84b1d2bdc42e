"""Hears the signal by which a cluster tells a job's agent to ask the tracker at once."""

from __future__ import annotations

import os
import signal
import time
from select import select
from types import FrameType

from amlflow.spec import NUDGE

SOON_S = 2.0
"""How long after a nudge the tracker's answer is expected at any moment."""
TICK_S = 0.005
"""Between two looks for that answer."""


class Nudges:
    """The nudges of this process. It is made in the main thread, which also waits by it."""

    def __init__(self) -> None:
        self._is_nudged = False
        self._soon = 0.0
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
        if is_nudged:
            self._soon = time.monotonic() + SOON_S
        return is_nudged

    def pause(self, seconds: float) -> None:
        """Wait so long, or until a signal comes; after a nudge, for a short time only."""
        if time.monotonic() < self._soon:
            seconds = min(seconds, TICK_S)
        if select([self._pipe], [], [], seconds)[0]:
            os.read(self._pipe, 1024)
