"""The differences between operating systems in reading and writing files."""

from __future__ import annotations

import os
import sys

IS_WINDOWS = sys.platform == "win32"
BINARY: int = getattr(os, "O_BINARY", 0)
"""The flag of ``os.open`` that keeps Windows from changing line endings; 0 on other systems."""


def read_at(handle: int, size: int, offset: int) -> bytes:
    """Read at most ``size`` bytes of an open file from an offset on.

    The position of the file does not change. If the system has no ``pread``, the caller must hold
    the lock that is used for writing the file.
    """
    if hasattr(os, "pread"):
        return os.pread(handle, size, offset)
    position = os.lseek(handle, 0, os.SEEK_CUR)
    try:
        os.lseek(handle, offset, os.SEEK_SET)
        return os.read(handle, size)
    finally:
        os.lseek(handle, position, os.SEEK_SET)


def write_at_start(handle: int, content: bytes) -> None:
    """Write at the start of an open file. No other code may use the position of the file."""
    if hasattr(os, "pwrite"):
        os.pwrite(handle, content, 0)
    else:
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, content)
