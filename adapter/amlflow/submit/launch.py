"""Starts an agent that lives on when this process ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from amlflow.spec import JOB
from amlflow.submit.job import JobFolder

LOCK = "AMLFLOW_AGENT_LOCK"
"""The variable with the file descriptor of the job's lock, which the agent inherits."""


def launch(folder: JobFolder, lock: int) -> None:
    """Start the agent of a job whose lock is held; the agent holds it from now on.

    The environment is the one of the job's submitter, which need not be this process.
    """
    environ = {**folder.read().environ, JOB: folder.name, LOCK: str(lock)}
    with folder.agent_log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "amlflow.submit.agent", str(folder.path)],
            cwd=folder.path,
            env=importable(environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(lock,),
        )
    # It forks at once, so that it is nobody's child; what it forks from is not left as a zombie.
    threading.Thread(target=process.wait, daemon=True).start()


def importable(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment in which this very amlflow is found, from wherever it was imported."""
    place = str(Path(__file__).resolve().parents[2])
    known = environ.get("PYTHONPATH", "")
    if place in sys.path and place not in known.split(os.pathsep):
        return {**environ, "PYTHONPATH": os.pathsep.join(filter(None, (known, place)))}
    return dict(environ)
