"""Slurm's own commands, each with a time limit."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from amlflow.exceptions import ComputeTargetException
from amlflow.spec import Unavailable

LIMIT_S = 60.0
"""A controller that is away lets a command wait for 10 to 20 seconds."""
_AWAY = (
    "unable to contact slurm controller",
    "connection refused",
    "connection timed out",
    "socket timed out",
    "zero bytes were transmitted or received",
    "munge encode failed",
    "failed to access",
    "protocol authentication error",
    "slurm backup controller in standby mode",
    "slurm temporarily unable to accept job",
    "transport endpoint",
)
"""Of these messages of Slurm's, in small letters, each is about its daemons and not about a job."""
_OF_A_JOB = ("SLURM_", "PMI_", "PMIX_", "PMI2_")
_KEPT = ("SLURM_CONF",)


def run_command(
    command: Sequence[str], stdin: str = "", environment: Mapping[str, str] | None = None
) -> str:
    """What a command of Slurm's prints.

    Raises:
        ComputeTargetException: the command is not on this machine, or says that it was told
            something wrong; the message is Slurm's.
        Unavailable: Slurm's daemons do not answer.
    """
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
            env=_own_environment(environment or {}),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(
            f"Slurm's command {command[0]!r} did not answer within {LIMIT_S:g} seconds."
        ) from None
    if process.returncode == 0:
        return process.stdout
    message = " ".join(process.stderr.split()) or f"exit code {process.returncode}"
    if any(text in message.lower() for text in _AWAY):
        raise Unavailable(f"Slurm does not answer: {message}")
    raise ComputeTargetException(f"Slurm refuses it: {message}")


def _own_environment(more: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without what describes a Slurm job that it may be part of.

    A job that is submitted from within a job would inherit its nodes and processes otherwise.
    """
    own = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or not name.startswith(_OF_A_JOB)
    }
    return {**own, **more}
