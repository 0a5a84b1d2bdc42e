"""Finds files of the tracker inside a job's folder, so that they stay when the job is removed.

A script's working folder is inside of the job's folder. If an experiment stores its files in a
relative folder, they may be there, and the experiment's runs refer to them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from amlflow.jobs.job import JobFolder
from amlflow.local_paths import resolve_links
from amlflow.spec import RunKeeper


def find_tracker_files(folder: JobFolder, keeper: RunKeeper) -> list[Path]:
    """Return the files and folders below a job's working folder that belong to its tracker.

    ``keeper`` is the job's tracker, or its RunKeeper. If it does not implement ``own_paths``, no
    files belong to it. Raises the exceptions of :meth:`amlflow.spec.Tracker.own_paths`.
    """
    own_paths: Callable[[], Sequence[Path]] | None = getattr(keeper, "own_paths", None)
    if own_paths is None or not folder.work.is_dir():
        return []
    work, here = resolve_links(folder.work), Path.cwd()
    candidates = set[Path]()
    for path in own_paths():
        candidates.add(resolve_links(path))
        # The tracker returns a path relative to this process's folder, and not to the script's.
        if path.is_relative_to(here) and path != here:
            candidates.add(resolve_links(work / path.relative_to(here)))
    return sorted(path for path in candidates if work in path.parents and _has_file(path))


def _has_file(path: Path) -> bool:
    return path.is_file() or any(below.is_file() for below in path.rglob("*"))


def warn_of_kept_files(paths: Sequence[Path]) -> str:
    """Return the warning that a job's folder stays, because it has files of the tracker."""
    names = " and ".join(map(str, paths[:3]))
    return (
        f"An experiment stores its files below the job's folder, so these stay: {names}. Give "
        "experiments an absolute artifact location."
    )
