"""Slurm's last answers, which all of a user's processes on a machine share.

Sites count how often squeue is run, so no question is asked again within :data:`MIN_AGE_S`.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock

MIN_AGE_S = 12.0
"""The age of an answer from which on Slurm is asked again: at most six times in any minute."""


def keep_answer(
    name: str,
    ask: Callable[[], dict[str, Any]],
    *,
    now: bool,
    max_age_s: float | None = None,
) -> tuple[dict[str, Any], bool]:
    """The answer to a question of this name, and whether it was asked by this very call.

    It is asked if the last answer is too old, or if it is to be asked ``now``. The default of
    ``max_age_s`` is :data:`MIN_AGE_S`.
    """
    age_s = MIN_AGE_S if max_age_s is None else max_age_s
    path = platformdirs.user_cache_path("amlflow") / f"slurm-{cluster_key()}-{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(f"{path}.lock"):
        kept = _read(path)
        is_fresh = now or kept is None or not 0 <= time.time() - kept["time"] < age_s
        if kept is None or is_fresh:
            kept = {"time": time.time(), "answer": ask()}
            path.write_text(json.dumps(kept), encoding="utf-8")
    return kept["answer"], is_fresh


def cluster_key() -> str:
    """Tells clusters apart: machines of two may share a home folder, and one may reach several."""
    place = f"{socket.gethostname()}:{os.environ.get('SLURM_CONF', '')}"
    return hashlib.sha256(place.encode()).hexdigest()[:16]


_parsed: dict[Path, tuple[tuple[int, int], Any]] = {}
"""What was read last from a file, and the size and time of the file then."""


def _read(path: Path) -> dict[str, Any] | None:
    try:
        status = path.stat()
        version = status.st_mtime_ns, status.st_size
        if _parsed.get(path, (None,))[0] != version:
            _parsed[path] = version, json.loads(path.read_text(encoding="utf-8"))
        kept = _parsed[path][1]
    except (OSError, ValueError):
        return None
    is_kept = isinstance(kept, dict) and isinstance(kept.get("time"), (int, float))
    return kept if is_kept and isinstance(kept.get("answer"), dict) else None
