"""Delays a fork while another thread imports a module.

Python locks a module while a thread imports it. If a process is forked at that moment, the child
has the lock but not the thread. An import of this module in the child then waits for ever. MLflow's
client tries to import pyspark in each call to a server, also in the thread that sends the journal.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from types import FrameType

MAX_WAIT_S = 10.0
"""The longest wait of a fork. The import may itself wait for a lock of the forking thread."""


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
