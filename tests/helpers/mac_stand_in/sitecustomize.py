"""Has each Python that finds this file do without what macOS lacks."""

import fcntl
import os
import sys
import sysconfig
import urllib.request
from typing import Any

import psutil

OTHERS_OWN = (psutil, urllib.request)
"""Modules that choose their way for a system when they are imported, and keep that of this one."""
sysconfig.get_config_vars()  # which are read from a file named after the system

ABSENT = (
    "fdatasync", "memfd_create", "pipe2", "posix_fadvise", "posix_fallocate", "sched_getaffinity",
    "sched_setaffinity", "waitid",
)  # fmt: skip
"""What ``os`` lacks on macOS (of Python 3.12 and before)."""
GETPATH = 50

_fcntl = fcntl.fcntl


def _control(handle: Any, command: int, argument: Any = 0) -> Any:
    if command == GETPATH:
        return os.readlink(f"/proc/self/fd/{handle}").encode().ljust(len(argument), b"\0")
    return _fcntl(handle, command, argument)


for name in ABSENT:
    if hasattr(os, name):
        delattr(os, name)
fcntl.F_GETPATH = GETPATH  # type: ignore[attr-defined,unused-ignore]
fcntl.fcntl = _control  # type: ignore[assignment,unused-ignore]
sys.platform = "darwin"
