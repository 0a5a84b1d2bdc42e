"""Finds what a tracker keeps inside a job's folder, so that it outlives the job.

A script's working folder is the job's. An experiment that keeps its files in a relative folder, or
that the script makes with one, has its files there, and its runs point to them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from amlflow.jobs.job import JobFolder
from amlflow.local_paths import resolve_links
from amlflow.spec import RunKeeper


def find_tracker_files(folder: JobFolder, keeper: RunKeeper) -> list[Path]:
    """The folders and files below a job's working folder that its tracker counts as its own.

    ``keeper`` is the job's tracker, or its keeper; one that does not say what is its own has
    nothing there. Raises what :meth:`amlflow.spec.Tracker.own_paths` raises.
    """
    own_paths: Callable[[], Sequence[Path]] | None = getattr(keeper, "own_paths", None)
    if own_paths is None or not folder.work.is_dir():
        return []
    work, here = resolve_links(folder.work), Path.cwd()
    candidates = set[Path]()
    for path in own_paths():
        candidates.add(resolve_links(path))
        # A relative path is given as seen from here, and the script saw it from its own folder.
        if path.is_relative_to(here) and path != here:
            candidates.add(resolve_links(work / path.relative_to(here)))
    return sorted(path for path in candidates if work in path.parents and _has_file(path))


def _has_file(path: Path) -> bool:
    return path.is_file() or any(below.is_file() for below in path.rglob("*"))


def warn_of_kept_files(paths: Sequence[Path]) -> str:
    """The warning that a job's folder stays because of what the tracker keeps there."""
    names = " and ".join(map(str, paths[:3]))
    return (
        f"An experiment keeps its files below the job's folder, so these stay: {names}. Give "
        "experiments an absolute artifact location."
    )
