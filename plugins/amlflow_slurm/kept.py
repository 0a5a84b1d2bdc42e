"""Keeps Slurm's last answers for all processes of a user on a machine.

Many sites ask users not to call squeue often. So no question is asked again within
:data:`MIN_AGE_S`, unless the caller needs the answer now.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
from amlflow.spec import Unavailable
from filelock import FileLock

MIN_AGE_S = 12.0
"""When an answer is this old, Slurm is asked again. That is at most six times a minute."""
AWAY_S = 30.0
"""How long to take a controller that did not answer for away. Each question to it takes 10 to 20
seconds, so a process that looks in a loop would do nothing else."""
MAX_MESSAGE = 1000
"""How many characters of Slurm's message about that are read."""


def keep_answer(
    name: str,
    ask: Callable[[], dict[str, Any]],
    *,
    now: bool,
    max_age_s: float | None = None,
) -> tuple[dict[str, Any], bool]:
    """Return the answer to a question, and whether this call has asked it.

    ``name`` is the question's name. This call asks if the last answer is too old, or with ``now``.
    The default of ``max_age_s`` is :data:`MIN_AGE_S`.

    Raises:
        Unavailable: Slurm does not answer, or did not some seconds ago and ``now`` is False.
    """
    age_s = MIN_AGE_S if max_age_s is None else max_age_s
    path = _path_of(name)
    kept = None if now else _read(path)
    if kept is not None and _is_young(kept, age_s):
        return kept["answer"], False
    with contextlib.ExitStack() as locked:
        with contextlib.suppress(OSError):  # such as a home folder that a node does not have
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            locked.enter_context(FileLock(f"{path}.lock"))
        kept = _read(path) or _unwritten.get(path)
        is_fresh = now or kept is None or not _is_young(kept, age_s)
        if kept is None or is_fresh:
            away = path.with_suffix(".away")
            if not now:
                _check_answers(away)
            try:
                kept = {"time": time.time(), "answer": ask()}
            except Unavailable as failure:
                with contextlib.suppress(OSError):
                    away.write_text(failure.message, encoding="utf-8")
                raise
            try:
                path.write_text(json.dumps(kept), encoding="utf-8")
                away.unlink(missing_ok=True)
            except OSError:
                _unwritten[path] = kept
    return kept["answer"], is_fresh


def read_answer(name: str) -> dict[str, Any] | None:
    """Return the last answer to a question, and ask nothing. None if it is too old."""
    path = _path_of(name)
    kept = _read(path) or _unwritten.get(path)
    return kept["answer"] if kept is not None and _is_young(kept, MIN_AGE_S) else None


def _path_of(name: str) -> Path:
    return platformdirs.user_cache_path("amlflow") / f"slurm-{cluster_key()}-{name}.json"


def _is_young(kept: dict[str, Any], age_s: float) -> bool:
    return bool(0 <= time.time() - kept["time"] < age_s)


def _check_answers(away: Path) -> None:
    """Raise :class:`Unavailable` if Slurm did not answer this question some seconds ago."""
    try:
        if not 0 <= time.time() - away.stat().st_mtime < AWAY_S:
            return
        message = away.read_text(encoding="utf-8", errors="replace")[:MAX_MESSAGE]
    except OSError:
        return
    raise Unavailable(message)


def cluster_key() -> str:
    """Return a key that is different for each cluster.

    Machines of two clusters may share a home folder, and one machine may reach several clusters.
    """
    place = f"{socket.gethostname()}:{os.environ.get('SLURM_CONF', '')}"
    return hashlib.sha256(place.encode()).hexdigest()[:16]


_unwritten: dict[Path, Any] = {}
"""The last answers, for this process alone, if this machine has no place to keep them."""
_parsed: dict[Path, tuple[tuple[int, int], Any]] = {}
"""The last content of each file, with the file's time and size at that moment."""


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
