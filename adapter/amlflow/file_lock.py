"""A lock file that tells whether a process lives: the system lets go of it when it dies."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

LOCK_PROBE_S = 0.05
"""Probing a lock takes it briefly, so :func:`take` waits longer than a probe lasts."""


def take(path: Path) -> int | None:
    """Lock a file, which is made: the lock's descriptor, or None where another process has it.

    None, too, where the file's folder is gone, or goes while it is taken.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        return None
    try:
        _take(handle)
        still_there = os.path.samestat(os.stat(path), os.fstat(handle))
    except (BlockingIOError, FileNotFoundError):
        still_there = False
    if not still_there:
        os.close(handle)
        return None
    return handle


def _take(handle: int) -> None:
    deadline = time.monotonic() + LOCK_PROBE_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.001)
        else:
            return


def is_taken(path: Path) -> bool:
    """Whether a process holds the lock; True, too, for another user's file that you cannot open."""
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    except PermissionError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def release(handle: int) -> None:
    """Let go of a lock, also where a process forked meanwhile has its descriptor, too."""
    fcntl.flock(handle, fcntl.LOCK_UN)
    os.close(handle)
