"""Makes this process behave like Windows, as far as amlflow calls the system.

Modules and functions that Windows lacks are removed, and ``msvcrt`` is added. Open files and their
folders cannot be removed or renamed. ``os.open`` opens files as text, and does not open folders.
A process that is terminated is killed, new processes are not forked, and a socket with
``SO_REUSEADDR`` takes a port that another program listens on.
Paths, drive letters and consoles stay as on this system.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import multiprocessing
import os
import platform
import shutil
import socket
import subprocess
import sys
import sysconfig
import types
import warnings
from collections.abc import Callable
from typing import Any

import psutil

ABSENT_MODULES = ("fcntl", "grp", "posix_spawn", "pty", "pwd", "resource", "termios", "tty")
ABSENT = (
    "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "chown", "fdatasync",
    "fork", "forkpty", "getegid", "geteuid", "getgid", "getloadavg", "getpgid", "getpgrp", "getuid",
    "killpg", "lchown", "mkfifo", "mknod", "openpty", "posix_fallocate", "pread", "preadv",
    "pwrite", "pwritev", "register_at_fork", "sched_getaffinity", "setsid", "statvfs", "sysconf",
    "uname", "wait", "waitid",
)  # fmt: skip
"""Names that ``os`` lacks on Windows."""
OTHERS_OWN = (
    "asyncio", "concurrent.futures.thread", "ctypes", "filelock", "getpass", "http.client",
    "multiprocessing.connection", "multiprocessing.util", "platformdirs", "psutil", "rich.console",
    "socket", "sqlite3", "subprocess", "tempfile", "tqdm", "urllib.request", "urllib3", "uuid",
    "webbrowser",
)  # fmt: skip
"""Modules with other code for each system. They keep using this system's code."""
BINARY = 1 << 29


def install() -> None:
    """Make this process behave like Windows. Call it before amlflow is imported."""
    assert not any(name.startswith("amlflow.") for name in sys.modules)
    for name in OTHERS_OWN:
        importlib.import_module(name)
    platform.uname()
    sysconfig.get_config_vars()
    sys.modules["msvcrt"] = _msvcrt()
    for name in ABSENT_MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    for name in ABSENT:
        if hasattr(os, name):
            delattr(os, name)
    shutil._use_fd_functions = False  # type: ignore[attr-defined]
    os.symlink = _refuse_links
    _open_as_text()
    _keep_open_files()
    _end_at_once()
    _share_ports()
    os.environ["USERNAME"] = "somebody"
    warnings.filterwarnings("error", category=EncodingWarning, module="amlflow")
    sys.platform = "win32"


def _msvcrt() -> types.ModuleType:
    module: Any = types.ModuleType("msvcrt")
    module.LK_UNLCK, module.LK_NBLCK = 0, 2
    flock, exclusive, unlock = fcntl.flock, fcntl.LOCK_EX | fcntl.LOCK_NB, fcntl.LOCK_UN

    def locking(handle: int, mode: int, count: int) -> None:
        assert (count, os.lseek(handle, 0, os.SEEK_CUR)) == (1, 0)
        try:
            flock(handle, exclusive if mode == module.LK_NBLCK else unlock)
        except BlockingIOError:
            raise PermissionError(13, "Permission denied") from None

    module.locking = locking
    return module


def _refuse_links(*_: Any, **__: Any) -> None:
    raise OSError(22, "A required privilege is not held by the client")


def _open_as_text() -> None:
    opened, texts = os.open, set[int]()
    written, read, closed = os.write, os.read, os.close

    def open_file(path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:
        if os.path.isdir(path):
            raise PermissionError(13, "Permission denied", path)
        handle = opened(path, flags & ~BINARY, mode, **options)
        (texts.discard if flags & BINARY else texts.add)(handle)
        return handle

    def write(handle: int, content: Any) -> int:
        if handle in texts:
            written(handle, bytes(content).replace(b"\n", b"\r\n"))
            return len(content)
        return written(handle, content)

    def read_some(handle: int, size: int) -> bytes:
        content = read(handle, size)
        return content.replace(b"\r\n", b"\n") if handle in texts else content

    def close(handle: int) -> None:
        texts.discard(handle)
        closed(handle)

    os.O_BINARY = BINARY  # type: ignore[attr-defined]
    os.open, os.write, os.read, os.close = open_file, write, read_some, close


def _keep_open_files() -> None:
    def check(path: Any) -> None:
        own = os.path.realpath(path)
        for handle in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/self/fd/{handle}")
                if target == own or target.startswith(f"{own}/"):
                    raise _Open(path)

    def checked(call: Callable[..., None], count: int, *, is_new: bool) -> Callable[..., None]:
        def go(*paths: Any, **options: Any) -> None:
            try:
                for path in paths[:count]:
                    check(path)
            except _Open as found:
                raise PermissionError(13, "It is open", found.args[0]) from None
            if is_new and os.path.lexists(paths[1]):
                raise FileExistsError(17, "File exists", paths[1])
            call(*paths, **options)

        return go

    os.rename = checked(os.rename, 1, is_new=True)
    os.replace = checked(os.replace, 2, is_new=False)
    os.unlink = checked(os.unlink, 1, is_new=False)
    os.remove = checked(os.remove, 1, is_new=False)


def _end_at_once() -> None:
    for process in (subprocess.Popen, psutil.Process):
        process.terminate = process.kill  # type: ignore[method-assign]
    multiprocessing.get_all_start_methods = lambda: ["spawn"]  # type: ignore[method-assign]


def _share_ports() -> None:
    bind = socket.socket.bind

    def bind_or_share(connection: socket.socket, address: Any) -> None:
        try:
            bind(connection, address)
        except OSError:
            if not connection.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR):
                raise

    socket.socket.bind = bind_or_share  # type: ignore[method-assign]


class _Open(Exception):
    """An error: a path, or a file below it, is open."""
