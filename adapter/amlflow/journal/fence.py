"""Keeps an attempt of a cluster's job from sending anything after a later attempt has begun.

A node may be cut off or frozen while its cluster starts the job again elsewhere. When the node is
back, the script of the earlier attempt still runs there, and its journal has records to send.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable

from amlflow.claims import RUN_ID, latest_attempt
from amlflow.spec import ATTEMPT, RunNotFound, Tracker

logger = logging.getLogger("amlflow")

FROZEN_S = 30.0
"""If a thread that wakes up every second has slept for longer, this process was frozen."""


class Fence:
    """Asks for the latest attempt of this script's run after the process was cut off or frozen."""

    def __init__(self, tracker: Callable[[], Tracker]) -> None:
        self._tracker = tracker
        self._run_id = os.environ.get(RUN_ID)
        text = os.environ.get(ATTEMPT, "")
        self._attempt = int(text) if text.isascii() and text.isdigit() else None
        self._last_turn = time.monotonic()
        self._is_due = False

    def turn(self) -> None:
        """Note that this process is not frozen. Called once a second."""
        now = time.monotonic()
        self._is_due = self._is_due or now - self._last_turn > FROZEN_S
        self._last_turn = now

    def check(self, *, was_away: bool) -> None:
        """End this process if a later attempt has begun. ``was_away``: the tracker did not answer.

        Does nothing in a process that was neither cut off nor frozen, or that is not the script of
        a cluster's job. Raises the tracker's exceptions.
        """
        if self._run_id is None or self._attempt is None or not (was_away or self._is_due):
            return
        try:
            record = self._tracker().get_run(self._run_id)
        except RunNotFound:
            return
        if latest_attempt(record.properties) > self._attempt:
            logger.warning("A later attempt of this job runs elsewhere, so this one ends.")
            os.kill(os.getpid(), signal.SIGKILL)
        self._is_due = False
