"""Finds out that a program waits for a host that sends next to nothing.

uv ends a request if nothing at all arrives for some seconds. A host that sends a byte now and then
would hold it for hours.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from amlflow.environments.errors import EnvironmentBuildException

if TYPE_CHECKING:
    import psutil

SETTING = "AMLFLOW_STALL_SECONDS"
DEFAULT_S = 120.0
_LOOKS = 20
"""How often it is looked within the time of the setting."""
_PROGRESS = (0.05, 16_384)
"""What a program does at least in this time if it makes progress: seconds of processor time, as for
300 packets of a network, or bytes that it writes, such as a wheel."""


def read_limit() -> float:
    """Read the setting: after how many seconds a host counts as silent.

    Raises:
        EnvironmentBuildException: it is not a positive number.
    """
    text = os.environ.get(SETTING) or str(DEFAULT_S)
    with contextlib.suppress(ValueError):
        if (seconds := float(text)) > 0:
            return seconds
    raise EnvironmentBuildException(
        f"{SETTING} is {text!r}. Set it to a positive number of seconds."
    )


class StallWatch:
    """Watches a program and the processes that it has started.

    They make progress if they compute or write. If they do not, and one has a connection, it waits
    for its other end. But a program also keeps connections for later, while it waits for a process
    that it has started, or for a lock: that can take an hour if another uv builds the same package.
    A compiler that it has started may wait for a server on this machine, which compiles.

    Args:
        pid: The process id of the program.
        limit_s: For how many seconds it may make no progress.
    """

    def __init__(self, pid: int, limit_s: float) -> None:
        self._pid, self.limit_s = pid, limit_s
        self._seen: tuple[float, int] = (0.0, 0)
        self._since = self._looked = time.monotonic()

    def find_host(self) -> str | None:
        """Return the host that sends next to nothing, as ``address:port``; None if there is none.

        It is called several times a second, and looks at the processes less often.
        """
        now = time.monotonic()
        if now - self._looked < self.limit_s / _LOOKS:
            return None
        self._looked = now
        done = self._measure()
        # What an ended process has written does not count any more: a sum can become smaller.
        if any(
            abs(new - old) >= least
            for new, old, least in zip(done, self._seen, _PROGRESS, strict=True)
        ):
            self._seen, self._since = done, now
        if now - self._since < self.limit_s:
            return None
        host = self._find_peer()
        if host is None:
            self._since = now
        return host

    def _measure(self) -> tuple[float, int]:
        """Return the processor time and the written bytes of all processes until now."""
        import psutil  # most builds end before it is needed

        work_s, written = 0.0, 0
        for process in _tree(self._pid):
            with contextlib.suppress(psutil.Error):
                work_s += sum(process.cpu_times()[:4])  # with those of its ended children
                if hasattr(process, "io_counters"):  # not on macOS
                    written += process.io_counters().write_chars
        return work_s, written

    def _find_peer(self) -> str | None:
        import psutil  # as above

        waiting = _find_waiting()
        for process in _tree(self._pid):
            with contextlib.suppress(psutil.Error):
                if process.pid in waiting or process.children():
                    continue
                # psutil before 6 has the old name only.
                look = getattr(process, "net_connections", None) or process.connections
                for connection in look("tcp"):
                    if connection.status != psutil.CONN_ESTABLISHED or not connection.raddr:
                        continue
                    if process.pid == self._pid or not _is_this_machine(connection.raddr.ip):
                        return f"{connection.raddr.ip}:{connection.raddr.port}"
        return None


def _is_this_machine(address: str) -> bool:
    return ipaddress.ip_address(address.removeprefix("::ffff:")).is_loopback


def _find_waiting() -> set[int]:
    """Return the ids of the processes that wait for a lock of a file. Only Linux tells them."""
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return set()
    # Such as: "1: -> FLOCK  ADVISORY  WRITE 17126 fe:00:27 0 EOF"
    return {int(words[5]) for words in map(str.split, lines) if words[1] == "->"}


def _tree(pid: int) -> list[psutil.Process]:
    import psutil  # as above

    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []
