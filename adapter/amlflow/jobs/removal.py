"""Removes a job's folder. Only its agent, its submitter's commands and the queue do so."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection
from pathlib import Path

from amlflow.jobs.job import JobFolder


def remove(folder: JobFolder, keep: Collection[Path] = ()) -> None:
    """Remove a job's folder. Other processes see it completely or not at all.

    Only the paths to ``keep`` stay where they are. The rest of the folder is not a job any more.
    """
    if keep:
        folder.job.unlink(missing_ok=True)
        _prune(folder.path.resolve(), keep)
        return
    trash = folder.path.with_name(f"{folder.name}.gone")
    with contextlib.suppress(FileNotFoundError):
        os.rename(folder.path, trash)
    shutil.rmtree(trash, ignore_errors=True)


def _prune(folder: Path, keep: Collection[Path]) -> None:
    """Remove the content of a folder, except the paths to keep and the folders above them."""
    for path in folder.iterdir():
        if path in keep:
            continue
        if any(path in kept_path.parents for kept_path in keep):
            _prune(path, keep)
        elif path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
