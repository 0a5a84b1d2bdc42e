"""Where the callers of a racy mutant meet, so that it loses each race and not only some.

A mutant that looks and then acts is wrong only if somebody else looks in between. It waits here
until that has happened. A call that has no rival, one of the main thread or of the first process,
does not wait.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 5.0
"""How long a caller waits for another one, if none comes."""


def is_alone() -> bool:
    """Whether this thread has no rivals: tests race in threads that they start."""
    return threading.current_thread() is threading.main_thread()


def meet_thread(tracker: object, key: str) -> None:
    """Wait until another thread that uses the tracker, too, has come here with the key."""
    if is_alone():
        return
    arrivals: Counter[str] = tracker.__dict__.setdefault("arrivals", Counter())
    arrivals[key] += 1
    wait_until(lambda: arrivals[key] > 1)


def meet_process(store: Path, key: str) -> None:
    """Wait until another process that uses the store, too, has come here with the key."""
    if multiprocessing.parent_process() is None:
        return
    name = f"{store.name}.{hashlib.sha256(key.encode()).hexdigest()}"
    store.with_name(f"{name}.{multiprocessing.current_process().pid}").touch()
    wait_until(lambda: len([*store.parent.glob(f"{name}.*")]) > 1)


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds, but not longer than :data:`PATIENCE_S`."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
