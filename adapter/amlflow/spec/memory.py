"""Counts the processes that the kernel has killed for lack of memory, in this control group."""

from __future__ import annotations

import re
from pathlib import Path

OUT_OF_MEMORY = (
    "Meanwhile the kernel killed a process here, because the memory limit was reached (OOM). Ask "
    "for more memory, or use less."
)
"""The sentence about a script during which :func:`count_oom_kills` has risen."""
OWN_GROUPS = Path("/proc/self/cgroup")
CONTROL_GROUPS = Path("/sys/fs/cgroup")
_COUNT = re.compile(r"^oom_kill (\d{1,18})$", re.MULTILINE)


def count_oom_kills() -> int:
    """Return how many processes of this process's control group were killed so far.

    A scheduler such as Slurm, and a container, have a group for each job. Returns 0 where the
    kernel does not count, or has no control groups.
    """
    try:
        groups = OWN_GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":  # version 1
            return _read(CONTROL_GROUPS / "memory" / path.lstrip("/") / "memory.oom_control")
    paths = [line.removeprefix("0::") for line in groups if line.startswith("0::")]
    return sum(_read(CONTROL_GROUPS / path.lstrip("/") / "memory.events") for path in paths)


def _read(path: Path) -> int:
    try:
        found = _COUNT.search(path.read_text(encoding="utf-8"))
    except OSError:
        return 0
    return 0 if found is None else int(found[1])
