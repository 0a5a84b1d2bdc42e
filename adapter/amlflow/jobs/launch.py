"""Starts an agent that goes on when this process ends."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from site import getsitepackages, getusersitepackages

from amlflow.jobs.job import Job, JobFolder
from amlflow.journal.settings import FOLDER as JOURNALS
from amlflow.spec import JOB, Compute, Images

LOCK = "AMLFLOW_AGENT_LOCK"
"""The variable with the file descriptor of the job's lock, which the agent inherits."""


def launch(folder: JobFolder, lock: int) -> None:
    """Start the agent of a job. The caller holds the job's lock, and the agent takes it over.

    The agent gets the interpreter and the environment of the job's submitter, which may be another
    process than this one.

    Raises:
        OSError: the job cannot be read, or its interpreter cannot be started.
    """
    job = folder.read()
    environ = {**job.environ, JOB: folder.name, LOCK: str(lock)}
    with folder.agent_log.open("ab") as log:
        process = subprocess.Popen(
            [job.agent_python, "-m", "amlflow.jobs.agent", str(folder.path)],
            cwd=folder.path,
            env=importable(environ, job.import_path),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(lock,),
        )
    # The process forks the agent at once, and ends. Waiting for its end leaves no zombie.
    threading.Thread(target=process.wait, daemon=True).start()


def import_path() -> str | None:
    """Return the folder from which this process imports amlflow; None if amlflow is installed.

    The folder of installed packages is not passed on: its other packages are for this Python only,
    and another one would import them before its own.
    """
    folder = _own_folder()
    return folder if folder in sys.path and folder not in _folders_of_packages() else None


def _folders_of_packages() -> list[str]:
    return [str(Path(folder).resolve()) for folder in (*getsitepackages(), getusersitepackages())]


@functools.cache
def _own_folder() -> str:
    return str(Path(__file__).resolve().parents[2])


def importable(environ: Mapping[str, str], folder: str | None) -> dict[str, str]:
    """Return the environment with a folder in which Python finds amlflow, unless it is None."""
    path = environ.get("PYTHONPATH", "")
    if folder is not None and folder not in path.split(os.pathsep):
        return {**environ, "PYTHONPATH": os.pathsep.join(filter(None, (path, folder)))}
    return dict(environ)


def script_variables(job: Job, folder: JobFolder, here: bool) -> dict[str, str]:
    """Return the variables of a script that name paths of its machine.

    ``here`` says whether it runs with this machine's Pythons. As in v1, a script in a subfolder
    imports from the snapshot's root. For a script in the root, Python itself does that. The
    script's journal is in the job's folder, so that the agent finds records that were not sent.
    """
    own = {JOURNALS: str(folder.journal)}
    if not job.is_script or os.path.dirname(os.path.normpath(job.command[0])) == "":
        return own
    variables = {**(job.environ if here else {}), **job.environment}
    path = os.pathsep.join(filter(None, (str(folder.work), variables.get("PYTHONPATH"))))
    return {**own, **importable({"PYTHONPATH": path}, job.import_path if here else None)}


def runs_here(compute: Compute) -> bool:
    """Whether a compute target runs scripts with this machine's Pythons."""
    return bool(getattr(compute, "runs_here", True))


def images_of(compute: Compute) -> Images | None:
    """Return the images of a compute target; None if it cannot add packages to images."""
    images: Images | None = getattr(compute, "images", None)
    return images
