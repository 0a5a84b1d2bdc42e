"""Keeps a fork from copying an import that is under way in another thread.

Python locks a module while a thread imports it. A process forked at that moment has the lock and
not the thread, so an import of the module there waits for ever. MLflow's client tries to import
pyspark in each call to a server, also in the thread that sends what is logged.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from types import FrameType

MAX_WAIT_S = 10.0
"""How long a fork waits; the import may itself wait for something that the forking thread holds."""


def wait_for_imports() -> None:
    """Return when none of amlflow's calls in other threads is importing something."""
    me, deadline = threading.get_ident(), time.monotonic() + MAX_WAIT_S
    while time.monotonic() < deadline:
        frames = _frames()
        if not any(_is_importing(frame) for thread, frame in frames.items() if thread != me):
            return
        time.sleep(0.001)


def _frames() -> dict[int, FrameType]:
    """Where each thread is.

    In Python 3.11 at least, a garbage collection that begins in the call waits for a lock that the
    call itself holds (https://github.com/python/cpython/issues/106883).
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
