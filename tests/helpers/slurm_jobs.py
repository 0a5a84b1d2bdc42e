"""Helpers for tests of scripts on a real Slurm."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

from helpers.submitted_jobs import script, until
from helpers.tools import need

TARGETS = """
gpu-cluster:
  kind: slurm
  partition: main
one-gpu:
  kind: slurm
  partition: main
  gpus: 1
held:
  kind: slurm
  partition: main
  options: [--hold]
warned:
  kind: slurm
  partition: main
  options: ["--signal=B:TERM@30"]
nowhere:
  kind: slurm
  partition: nowhere
no-module:
  kind: slurm
  partition: main
  modules: [absent/1]
"""


def submit(experiment: Any, code: str, target: str = "gpu-cluster", **config: Any) -> Any:
    """Submit a script with this code to a Slurm target."""
    from azureml.core import ScriptRunConfig

    script(code)
    variables = config.pop("environment_variables", {})
    settings = ScriptRunConfig("src", "script.py", compute_target=target, **config)
    settings.run_config.environment_variables = variables
    return experiment.submit(settings)


def slurm_says(*command: str) -> str:
    """Return the output of one of Slurm's commands."""
    words = [need(command[0]), *command[1:]]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def job_of(run: Any) -> list[str]:
    """Return the id and the state of a run's job in Slurm, without a look at the run."""
    [job] = jobs_named(run)
    return job


def jobs_named(run: Any) -> list[list[str]]:
    """Return the id and the state of each job in Slurm that has the name of a run's job."""
    from amlflow.jobs.cluster.names import cluster_name_of

    name = cluster_name_of(run._record)
    states = "squeue", "--noheader", "--states=all", f"--name={name}", "-O", "JobID:20,State:20"
    return [line.split() for line in slurm_says(*states).splitlines()]


def check_no_folder_is_left(run: Any) -> None:
    """Check that the run's job leaves no folder on its nodes, which are this machine.

    The agent removes its folder after it has reported the end of the run.
    """
    from amlflow.jobs.cluster.names import cluster_name_of

    name = cluster_name_of(run._reload())
    jobs = Path(os.environ["AMLFLOW_JOBS"])  # the jobs have it, too
    assert jobs.is_dir()

    def left() -> list[Path]:
        return [*jobs.glob(f"amlflow-*/{name}"), *jobs.glob(f"amlflow-{name}*")]

    until(lambda: not left(), what=str(left()))


def submit_and_be_killed(experiment: Any, place: str, count: int = 1) -> Any:
    """Submit in a process that kills itself when it calls the function ``place``.

    Returns the run that it has left. If ``count`` is more than 1, it submits a list with the
    existing script, and the list of runs is returned.
    """
    if count == 1:
        script("print('alone')")
    code = f"""
        import os, signal
        from amlflow.core.scripts import many as lists
        from amlflow.jobs import starting
        from amlflow.jobs.cluster import many
        from amlflow_slurm.cluster import SlurmCluster
        from azureml.core import Experiment, ScriptRunConfig, Workspace
        {place} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        experiment = Experiment(Workspace("sub", "group", "workspace"), {experiment.name!r})
        configs = [
            ScriptRunConfig("src", "script.py", arguments=[n], compute_target="gpu-cluster")
            for n in range({count})
        ]
        experiment.submit(configs if {count} > 1 else configs[0])
    """
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], check=False, capture_output=True
    )
    assert process.returncode == -9, process.stderr
    runs = list(experiment.get_runs())
    assert len(runs) == count
    return runs if count > 1 else runs[0]


def start_again(run: Any) -> None:
    """Let a job that Slurm has put back into the queue start now, and not after a while.

    A node takes no job whose credential was made in the second in which the attempt before was
    ended, or earlier. Slurm then ends the job with exit code 1, as one that cannot be started.
    """
    job_id = job_of(run)[0]
    until(lambda: job_of(run)[1] in ("PENDING", "RUNNING"))
    put_back = int(time.time())
    until(lambda: int(time.time()) > put_back)
    with contextlib.suppress(subprocess.CalledProcessError):  # it runs already
        slurm_says("scontrol", "update", f"JobId={job_id}", "StartTime=now")
