"""``run monitor-tensorboard``: TensorBoard on the event files of a run."""

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
from amlflow.spec import FINAL

logger = logging.getLogger("amlflow")

EVENTS = "tfevents"
"""What the names of TensorBoard's files contain."""
REFRESH_S = 10.0
"""How often the files of a run that goes on are read again."""


def monitor(*, run_id: str, local_directory: str | None, **where: Any) -> None:
    """``run monitor-tensorboard``: until Ctrl-C, or until TensorBoard ends.

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
                "Run %s has no event files of TensorBoard yet. A script stores them if it writes "
                "to ./logs or ./outputs, at its end.",
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
    """Fetch the files again until the run has ended, and wait for TensorBoard's end."""
    while run.get_status() not in FINAL:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(REFRESH_S)
            return
        _fetch_events(run, folder)
    _fetch_events(run, folder)
    process.wait()


def _fetch_events(run: Run, folder: Path) -> int:
    """Write the run's event files below a folder; how many there are."""
    tracker, record = tracker_of(run.experiment), record_of(run)
    names = [name for name in run.get_file_names() if EVENTS in name]
    for name in names:
        fetch_listed(tracker, record, name, name, folder)
    return len(names)
