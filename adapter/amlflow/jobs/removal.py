"""Removes a job's folder. Only its agent, its submitter's commands and the queue do so."""

from __future__ import annotations

import contextlib
import os
import shutil

from amlflow.jobs.job import JobFolder


def remove(folder: JobFolder) -> None:
    """Remove the folder; for others it is there whole or not at all."""
    gone = folder.path.with_name(f"{folder.name}.gone")
    with contextlib.suppress(FileNotFoundError):
        os.rename(folder.path, gone)
    shutil.rmtree(gone, ignore_errors=True)
