"""A lock file that tells whether a process lives: the system lets go of it when it dies.

A lock is an open file and its descriptor, which tells whether the file was replaced meanwhile, and
which the agent of a job inherits. The locks of the package filelock are not shared in this way.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

LOCK_PROBE_S = 0.05
"""Probing a lock takes it briefly, so :func:`take` waits longer than a probe lasts."""

if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        """Raises :class:`PermissionError` where another open file has the lock."""
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

    def _unlock(handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

    def _probe(handle: int) -> None:
        # Windows has exclusive locks only, so each of two probes at once sees the other's.
        _take(handle)
        _unlock(handle)

else:
    import fcntl

    def _lock(handle: int) -> None:
        """Raises :class:`BlockingIOError` where another open file has the lock."""
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)

    def _probe(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)


TAKEN = (BlockingIOError, PermissionError)
"""What systems raise where another has the lock."""


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
    except (*TAKEN, FileNotFoundError):
        still_there = False
    if not still_there:
        os.close(handle)
        return None
    return handle


def _take(handle: int) -> None:
    deadline = time.monotonic() + LOCK_PROBE_S
    while True:
        try:
            _lock(handle)
        except TAKEN:
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
        _probe(handle)
    except TAKEN:
        return True
    finally:
        os.close(handle)
    return False


def release(handle: int) -> None:
    """Let go of a lock, also where a process forked meanwhile has its descriptor, too."""
    _unlock(handle)
    os.close(handle)
