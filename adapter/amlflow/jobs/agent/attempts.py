"""Keeps the log of a cluster job's earlier attempt, and restores the files that it has written."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from amlflow.jobs.job import LOG, JobFolder
from amlflow.local_paths import LocalPaths, make_folder
from amlflow.spec import FileNotInRun, Tracker

EARLIER_LOG = "user_logs/std_log_attempt_{attempt}.txt"
"""The name that the log of an earlier attempt gets in the run."""
RESTORE = "AMLFLOW_RESTORE_OUTPUTS"
"""If this variable of a script is "1", the script gets outputs/ as the attempt before left it."""
OUTPUTS = "outputs/"


def keep_earlier_log(tracker: Tracker, run_id: str, folder: JobFolder, attempt: int) -> None:
    """Copy the log of the attempt before this one to a file of its own in the run."""
    path = folder.path / "earlier_log"
    with contextlib.suppress(FileNotInRun):  # the earlier attempt has written no log
        tracker.get_file(run_id, LOG, path)
        name = EARLIER_LOG.format(attempt=attempt - 1)
        tracker.put_files(run_id, {name: path}, replace=True)


def restore_outputs(
    tracker: Tracker, run_id: str, variables: Mapping[str, str], work: Path
) -> None:
    """Download the run's outputs into the working folder, if the script's variables ask for it.

    Raises:
        UserErrorException: the name of a file would lead out of the folder.
    """
    if variables.get(RESTORE) != "1":
        return
    below = LocalPaths(work)
    for name in tracker.list_files(run_id, OUTPUTS):
        path = below.path_for(name)
        make_folder(path.parent)
        tracker.get_file(run_id, name, path)
