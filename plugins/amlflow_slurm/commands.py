"""Runs Slurm's own commands, each with a time limit."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from amlflow.exceptions import ComputeTargetException
from amlflow.spec import JOB_IMAGE, Unavailable, without_place

LIMIT_S = 60.0
"""The time limit of a command. If the controller is away, a command waits 10 to 20 seconds."""
_AWAY = (
    "unable to contact slurm controller",
    "connection refused",
    "connection timed out",
    "socket timed out",
    "zero bytes were transmitted or received",
    "munge encode failed",
    "failed to access",
    "protocol authentication error",
    "in standby mode",
    "slurm temporarily unable to accept job",
    "rate limit exceeded",
    "transport endpoint",
)
"""Parts of Slurm's messages about its daemons, not about a job. In small letters."""
_OF_A_JOB = ("SLURM_", "SRUN_DEBUG", JOB_IMAGE)
_KEPT = ("SLURM_CONF",)
_DEFAULTS = ("SQUEUE_", "SCANCEL_", "SINFO_", "SCONTROL_")
"""Variables of the user for these commands. They could leave out jobs, as SQUEUE_PARTITION does."""
_SBATCH_DEFAULTS = ("SBATCH_ARRAY_INX", "SBATCH_CLUSTERS", "SBATCH_WAIT")
"""Variables with which sbatch would submit several jobs, or to another cluster, or wait.

Other variables of the user for sbatch have an effect.
"""


def run_command(
    command: Sequence[str],
    stdin: str = "",
    environment: Mapping[str, str] | None = None,
    limit_s: float | None = None,
) -> str:
    """Run a command of Slurm's, and return its output.

    The default of ``limit_s`` is :data:`LIMIT_S`.

    Raises:
        ComputeTargetException: the command is not on this machine, or Slurm refuses the request.
            The message is Slurm's.
        Unavailable: Slurm's daemons do not answer.
    """
    limit_s = LIMIT_S if limit_s is None else limit_s
    program = shutil.which(command[0])
    if program is None:
        raise ComputeTargetException(
            f"Slurm's command {command[0]!r} is not on this machine. Submit from a login node of "
            "the cluster, or install Slurm's client commands."
        )
    try:
        process = subprocess.run(
            [program, *command[1:]],
            input=stdin,
            env=_own_environment(command[0], environment or {}),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        # Such as "Slurm temporarily unable to accept job, sleeping and retrying".
        said = " ".join((late.stderr or b"").decode(errors="replace").split())
        raise Unavailable(
            f"Slurm's command {command[0]!r} did not answer within {limit_s:g} seconds"
            f"{f'; it said: {said}' if said else '.'}"
        ) from None
    if process.returncode == 0:
        return process.stdout
    message = " ".join(process.stderr.split()) or f"exit code {process.returncode}"
    if any(text in message.lower() for text in _AWAY):
        raise Unavailable(f"Slurm does not answer: {message}")
    raise ComputeTargetException(f"Slurm refuses it: {message}")


def _own_environment(program: str, more: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without variables that would mislead the command.

    If this process is part of a Slurm job, the variables of that job are left out. Otherwise a job
    that is submitted from a job would inherit its nodes and processes. Variables of the user for
    squeue, scancel, sinfo and scontrol are left out for all commands except sbatch, which passes
    them on to the job.
    """
    left_out = _OF_A_JOB if program == "sbatch" else (*_OF_A_JOB, *_DEFAULTS)
    own = {
        name: value
        for name, value in without_place(os.environ).items()
        if name in _KEPT or not (name.startswith(left_out) or name in _SBATCH_DEFAULTS)
    }
    return {**own, **more}
