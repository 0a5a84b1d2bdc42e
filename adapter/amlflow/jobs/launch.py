"""Starts an agent that lives on when this process ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from amlflow.jobs.job import Job, JobFolder
from amlflow.journal.settings import FOLDER as JOURNALS
from amlflow.spec import JOB, Compute, Images

LOCK = "AMLFLOW_AGENT_LOCK"
"""The variable with the file descriptor of the job's lock, which the agent inherits."""


def launch(folder: JobFolder, lock: int) -> None:
    """Start the agent of a job whose lock is held; the agent holds it from now on.

    Its interpreter and environment are those of the job's submitter, which need not be this
    process. Raises OSError: the job cannot be read, or its interpreter not be started.
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
    # The agent forks at once and its parent ends; waiting for that leaves no zombie.
    threading.Thread(target=process.wait, daemon=True).start()


def import_path() -> str | None:
    """The folder that this process imports amlflow from, if others have to be told."""
    folder = str(Path(__file__).resolve().parents[2])
    return folder if folder in sys.path else None


def importable(environ: Mapping[str, str], folder: str | None) -> dict[str, str]:
    """The environment in which amlflow is found in a folder, unless that is None."""
    path = environ.get("PYTHONPATH", "")
    if folder is not None and folder not in path.split(os.pathsep):
        return {**environ, "PYTHONPATH": os.pathsep.join(filter(None, (path, folder)))}
    return dict(environ)


def script_variables(job: Job, folder: JobFolder, here: bool) -> dict[str, str]:
    """The variables of a script that name paths of the machine that it runs on.

    ``here`` says whether it runs with this machine's Pythons. A script in a folder of the snapshot
    imports from the snapshot's root, as v1's scripts do; for one at the root itself, Python does
    it. What the script has logged and not sent when it is ended is found in the job's folder.
    """
    own = {JOURNALS: str(folder.journal)}
    if not job.is_script or os.path.dirname(os.path.normpath(job.command[0])) == "":
        return own
    variables = {**(job.environ if here else {}), **job.environment}
    path = os.pathsep.join(filter(None, (str(folder.work), variables.get("PYTHONPATH"))))
    return {**own, **importable({"PYTHONPATH": path}, job.import_path if here else None)}


def runs_here(compute: Compute) -> bool:
    """Whether the scripts of a compute target run with this machine's Pythons."""
    return bool(getattr(compute, "runs_here", True))


def images_of(compute: Compute) -> Images | None:
    """The images of a compute target; None if packages cannot be added to images there."""
    images: Images | None = getattr(compute, "images", None)
    return images
