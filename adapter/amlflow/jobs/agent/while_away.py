"""Repeats a call while the tracker is away."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from amlflow.exceptions import AuthenticationException
from amlflow.spec import Unavailable

logger = logging.getLogger("amlflow.agent")

RETRY_LIMIT_S = 24 * 60 * 60
"""How long an agent waits for a tracker that is away. Then the rest stays in the job's folder."""
MAX_PAUSE_S = 5.0
"""Seconds between two tries."""


def repeat_while_away(
    call: Callable[[], None],
    leaving: threading.Event,
    limit_s: float,
    is_to_end: Callable[[], bool],
) -> None:
    """Repeat a call until the tracker answers.

    Raises:
        Unavailable, AuthenticationException: the tracker is still away, and ``limit_s`` seconds
            are over, ``leaving`` is set or ``is_to_end`` returns True.
    """
    deadline = time.monotonic() + limit_s
    pause = 0.2
    while True:
        try:
            call()
        except (Unavailable, AuthenticationException) as away:
            if time.monotonic() > deadline or leaving.is_set() or is_to_end():
                raise
            logger.warning("%s", away.message)
        else:
            return
        leaving.wait(pause)
        pause = min(pause * 2, MAX_PAUSE_S)
