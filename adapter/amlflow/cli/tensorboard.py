"""``run monitor-tensorboard``: shows the event files of a run in TensorBoard."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from amlflow.cli.errors import Unsuccessful
from amlflow.cli.scope import Where
from amlflow.core.runs.base import record_of
from amlflow.core.runs.files import fetch_listed
from amlflow.core.runs.run import Run
from amlflow.core.store import tracker_of
from amlflow.exceptions import UserErrorException
from amlflow.local_paths import LocalPaths
from amlflow.spec import FINAL

logger = logging.getLogger("amlflow")

EVENTS = "tfevents"
"""The names of TensorBoard's event files contain this text."""
REFRESH_S = 10.0
"""Seconds between two downloads of a running run's files."""


def monitor(*, run_id: str, local_directory: str | None, **where: Any) -> None:
    """``run monitor-tensorboard``: goes on until Ctrl-C, or until TensorBoard ends.

    Raises:
        UserErrorException: TensorBoard is not installed.
    """
    run = Where(**where).run(run_id)
    if importlib.util.find_spec("tensorboard") is None:
        raise UserErrorException("This command needs TensorBoard: pip install tensorboard.")
    with contextlib.ExitStack() as stack:
        folder = Path(local_directory or stack.enter_context(tempfile.TemporaryDirectory()))
        if not _fetch_events(run, folder):
            logger.warning(
                "Run %s has no event files of TensorBoard yet. Let the script write them to ./logs "
                "or ./outputs. They are stored when the script ends.",
                run.id,
            )
        command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder)]
        process = subprocess.Popen(command, stdout=sys.stderr)
        try:
            _follow(run, folder, process)
        except KeyboardInterrupt:
            logger.debug("TensorBoard is ended by Ctrl-C.")
        finally:
            process.terminate()
            code = process.wait()
    if code > 0:
        raise Unsuccessful(f"TensorBoard ended with exit code {code}.", None)


def _follow(run: Run, folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Download the files again and again until the run has ended. Then wait for TensorBoard."""
    while run.get_status() not in FINAL:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(REFRESH_S)
            return
        _fetch_events(run, folder)
    _fetch_events(run, folder)
    process.wait()


def _fetch_events(run: Run, folder: Path) -> int:
    """Download the run's event files to a folder, and return their number."""
    tracker, record = tracker_of(run.experiment), record_of(run)
    names, below = [name for name in run.get_file_names() if EVENTS in name], LocalPaths(folder)
    for name in names:
        fetch_listed(tracker, record, name, name, below)
    return len(names)
