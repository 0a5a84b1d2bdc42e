"""Makes each Python that finds this file behave like macOS: removes functions that macOS lacks."""

import fcntl
import os
import sys
import sysconfig
import urllib.request
from typing import Any

import psutil

OTHERS_OWN = (psutil, urllib.request)
"""Modules that choose their code for a system on import. They must see this system, not macOS."""
sysconfig.get_config_vars()  # read now, since the file that holds them is named after the system

ABSENT = (
    "fdatasync", "memfd_create", "pipe2", "posix_fadvise", "posix_fallocate", "sched_getaffinity",
    "sched_setaffinity", "waitid",
)  # fmt: skip
"""Functions that ``os`` lacks on macOS, up to Python 3.12."""
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
