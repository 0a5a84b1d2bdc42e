"""Finds and ends the processes that a process of a distributed job has started on its node.

Several processes of the job can run on one node. So a descendant is found by its parents, and not
by the job's name in its environment. Sessions and groups do not matter.
"""

from __future__ import annotations

import contextlib
import ctypes

import psutil

_PR_SET_CHILD_SUBREAPER = 36
ROUNDS = 100
"""How often to look again for processes that were started while others were ended."""
WAIT_S = 1.0


def adopt_orphans() -> None:
    """Become the parent of each descendant whose own parent ends. Clusters' nodes run Linux."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def terminate_descendants() -> None:
    """Send SIGTERM to all descendants of this process."""
    for process in _descendants():
        with contextlib.suppress(psutil.Error):
            process.terminate()


def kill_descendants() -> None:
    """End all descendants of this process, and reap them. Each Popen must have been waited for."""
    for _ in range(ROUNDS):
        processes = _descendants()
        if not processes:
            return
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(processes, timeout=WAIT_S)


def _descendants() -> list[psutil.Process]:
    children: list[psutil.Process] = psutil.Process().children(recursive=True)
    return children
