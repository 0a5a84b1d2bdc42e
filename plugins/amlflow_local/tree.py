"""Finds and ends all processes of a work.

A process belongs to a work if its environment variable :data:`amlflow.spec.JOB` names the work. If
it does not have the variable, it belongs to the work of its parent. Sessions and groups do not
matter, so a process that called setsid is found. A process that has cleared its environment *and*
lost its parents is only found on Linux, where the agent becomes the parent of orphans.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable

import psutil
from amlflow.spec import JOB

FIRST_PAUSE_S = 0.001
"""Most processes end at once."""
MAX_PAUSE_S = 0.03
ROUNDS = 100
"""How often to look again for processes that were started while others were ended."""


def members(name: str, processes: Iterable[psutil.Process] | None = None) -> list[psutil.Process]:
    """List the living processes of a work, without the calling process.

    It looks among ``processes``. The default is all processes of this machine.
    """
    alive: dict[int, psutil.Process] = {}
    parents: dict[int, int] = {}
    for process in psutil.process_iter() if processes is None else processes:
        with contextlib.suppress(psutil.Error), process.oneshot():
            if process.status() != psutil.STATUS_ZOMBIE:
                parents[process.pid] = process.ppid()
                alive[process.pid] = process
    names = {pid: _name_of_work(process) for pid, process in alive.items()}
    me = os.getpid()
    root = me if os.environ.get(JOB) == name else None

    def belongs(pid: int, seen: frozenset[int] = frozenset()) -> bool:
        if names.get(pid):
            return names[pid] == name
        parent = parents.get(pid)
        if parent is None or pid in seen:
            return False
        return parent == root or belongs(parent, seen | {pid})

    return [process for pid, process in alive.items() if pid != me and belongs(pid)]


def _name_of_work(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error, OSError):
        return str(process.environ().get(JOB, ""))
    return ""


def own_members(name: str) -> list[psutil.Process]:
    """List the living processes of a work that this process has started, if it adopts orphans.

    All of them are below it, and to look only there takes a quarter of the time. A process that
    loses its parent during a look can be missed, so this looks twice.
    """
    for _ in range(2):
        found = members(name, psutil.Process().children(recursive=True))
        if found:
            return found
    return []


def end_tree(
    name: str,
    grace: float,
    reap: Callable[[], object] = lambda: None,
    terminated: Iterable[int] = (),
    find: Callable[[str], list[psutil.Process]] = members,
) -> None:
    """Send SIGTERM to all processes of a work. After ``grace`` seconds, kill those that are left.

    ``reap`` is called while waiting. It has to reap ended children, as they would stay in the list.
    ``terminated`` are the ids of processes that have got the signal already. ``find`` lists the
    work's processes.
    """
    deadline = time.monotonic() + grace
    terminated = set(terminated)
    while time.monotonic() < deadline:
        processes = find(name)
        if not processes:
            return
        for process in processes:
            if process.pid not in terminated:
                terminated.add(process.pid)
                with contextlib.suppress(psutil.Error):
                    process.terminate()
        reap()
        _wait(processes, min(deadline - time.monotonic(), 0.5), reap)
    for _ in range(ROUNDS):
        processes = find(name)
        if not processes:
            return
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.kill()
        _wait(processes, 1.0, reap)


def _wait(processes: list[psutil.Process], seconds: float, reap: Callable[[], object]) -> None:
    until = time.monotonic() + seconds
    pause = FIRST_PAUSE_S
    while time.monotonic() < until:
        reap()
        if not any(_is_alive(process) for process in processes):
            return
        time.sleep(pause)
        pause = min(2 * pause, MAX_PAUSE_S)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
