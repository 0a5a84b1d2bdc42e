"""A lock file that shows whether a process lives: the system releases the lock when it ends.

A lock is the descriptor of an open file. The descriptor shows whether the file was replaced
meanwhile, and the agent of a job inherits it. The locks of the package filelock cannot be inherited
in this way, and take several times as long, which every submit would wait for.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

LOCK_PROBE_S = 0.05
"""How long :func:`take` waits. A probe holds the lock briefly, and takes less time than this."""

if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        """Lock a file. Raises :class:`PermissionError` if another open file has the lock."""
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

    def _unlock(handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)

    def _probe(handle: int) -> None:
        # Windows has only exclusive locks. So one of two probes at the same time has to wait.
        _take(handle)
        _unlock(handle)

else:
    import fcntl

    def _lock(handle: int) -> None:
        """Lock a file. Raises :class:`BlockingIOError` if another open file has the lock."""
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)

    def _probe(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)


TAKEN = (BlockingIOError, PermissionError)
"""The errors that systems raise if another open file has the lock."""


def take(path: Path) -> int | None:
    """Lock a file, which is made if it does not exist. Returns the lock's descriptor.

    Returns None if another process has the lock, or if the file's folder does not exist or is
    removed meanwhile.
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
    except BaseException:  # such as KeyboardInterrupt, or a file system without locks
        os.close(handle)
        raise
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
    """Whether a process holds the lock. Also True for another user's file that you cannot open."""
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
    """Release a lock, even if a process that was forked meanwhile also has its descriptor."""
    _unlock(handle)
    os.close(handle)
