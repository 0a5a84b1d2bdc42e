"""The system call write(2) that keeps Python's lock (the GIL).

``os.write`` gives the lock to another thread while it writes. Where that thread computes, as the
one that sends does, it takes up to five milliseconds to get the lock back: a thousand times as long
as the write itself.
"""

from __future__ import annotations

import ctypes
import os

from amlflow.systems import IS_WINDOWS


def _write(handle: int, content: bytes, size: int) -> int:
    try:
        return os.write(handle, content)
    except OSError:
        return -1


# The function has no argtypes on purpose: ctypes then passes an int as a C int and bytes as a
# pointer by itself, which takes 0.4 µs less for each call than checked argument types do.
_libc = None if IS_WINDOWS else ctypes.PyDLL(None)

MAX_SIZE = 2**31 - 1
"""The most bytes that a C int can name."""

write = _write if _libc is None else _libc.write
"""``write(handle, content, size)`` returns how many bytes it has written, or -1.

``content`` is bytes, and ``size`` its length, at most :data:`MAX_SIZE`. On Windows it is
``os.write``: there ctypes opens no library without its name.
"""
