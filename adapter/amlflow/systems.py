"""What differs between systems where files are read and written."""

from __future__ import annotations

import os
import sys

IS_WINDOWS = sys.platform == "win32"
BINARY: int = getattr(os, "O_BINARY", 0)
"""The flag of ``os.open`` without which Windows changes the ends of lines."""


def read_at(handle: int, size: int, offset: int) -> bytes:
    """At most ``size`` bytes of an open file from an offset on.

    Its position stays as it is. Where the system has no ``pread``, the caller holds the lock by
    which the file is written.
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
    """Write at the start of an open file, which nobody reads or writes by its position."""
    if hasattr(os, "pwrite"):
        os.pwrite(handle, content, 0)
    else:
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, content)
