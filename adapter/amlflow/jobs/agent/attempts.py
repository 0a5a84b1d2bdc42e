"""Keeps the logs of a cluster job's earlier attempt, and restores the files that it has written."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path

from amlflow.jobs.job import LOG, JobFolder
from amlflow.local_paths import LocalPaths, make_folder
from amlflow.spec import FileNotInRun, Tracker

EARLIER_LOG = "user_logs/std_log_attempt_{attempt}.txt"
"""The name that the log of an earlier attempt gets in the run."""
EARLIER_PROCESS_LOG = "user_logs/std_log_process_{number}_attempt_{attempt}.txt"
"""The same for another process than the first of a distributed job."""
LOGS = "user_logs/"
_PROCESS_LOG = re.compile(r"user_logs/std_log_process_([1-9][0-9]{0,5})\.txt", re.ASCII)
RESTORE = "AMLFLOW_RESTORE_OUTPUTS"
"""If this variable of a script is "1", the script gets outputs/ as the attempt before left it."""
OUTPUTS = "outputs/"


def keep_earlier_log(tracker: Tracker, run_id: str, folder: JobFolder, attempt: int) -> None:
    """Copy the logs of the attempt before this one to files of their own in the run.

    The log of the first of several processes is also the log of the run, and is copied as that.
    """
    path = folder.path / "earlier_log"
    logs = {LOG: EARLIER_LOG.format(attempt=attempt - 1)}
    for name in tracker.list_files(run_id, LOGS):
        match = _PROCESS_LOG.fullmatch(name)
        if match is not None:
            logs[name] = EARLIER_PROCESS_LOG.format(number=match[1], attempt=attempt - 1)
    for name, earlier in logs.items():
        with contextlib.suppress(FileNotInRun):  # the earlier attempt has written no log
            tracker.get_file(run_id, name, path)
            tracker.put_files(run_id, {earlier: path}, replace=True)


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
