"""What a later attempt of a cluster's job keeps or restores: logs and files of earlier attempts."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from amlflow.jobs.job import LOG, JobFolder
from amlflow.local_paths import local_path_for
from amlflow.spec import FileNotInRun, Tracker

EARLIER_LOG = "user_logs/std_log_attempt_{attempt}.txt"
"""The name in the run of the log of an attempt after which there was another."""
RESTORE = "AMLFLOW_RESTORE_OUTPUTS"
"""The variable of a script that is "1" if its outputs/ begin as the attempt before left them."""
OUTPUTS = "outputs/"


def keep_earlier_log(tracker: Tracker, run_id: str, folder: JobFolder, attempt: int) -> None:
    """Give the log of the attempt before this one a name of its own in the run."""
    path = folder.path / "earlier_log"
    with contextlib.suppress(FileNotInRun):  # it wrote none
        tracker.get_file(run_id, LOG, path)
        name = EARLIER_LOG.format(attempt=attempt - 1)
        tracker.put_files(run_id, {name: path}, replace=True)


def restore_outputs(
    tracker: Tracker, run_id: str, variables: Mapping[str, str], work: Path
) -> None:
    """Write the run's outputs into the working folder, if the script's variables ask for it.

    Raises:
        UserErrorException: a name of a file leads out of the folder.
    """
    if variables.get(RESTORE) != "1":
        return
    for name in tracker.list_files(run_id, OUTPUTS):
        path = local_path_for(name, work)
        path.parent.mkdir(parents=True, exist_ok=True)
        tracker.get_file(run_id, name, path)
