"""What does not change of a cluster and of its user: names and limits."""

from __future__ import annotations

import os
import pwd
import re

from amlflow_slurm.commands import run_command
from amlflow_slurm.kept import keep_answer

MAX_AGE_S = 60 * 60.0
"""How long Slurm's settings are kept on this machine."""
_SETTING = re.compile(r"^(ClusterName|MaxArraySize)\s*=\s*(\S+)", re.MULTILINE)


def user_name() -> str:
    """The user whose jobs this process submits; its variables may name another.

    A user whom this machine does not know is named by the number, which Slurm takes, too.
    """
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def cluster_name() -> str:
    """The cluster's name, which is unique where several clusters know each other.

    Raises :class:`Unavailable` and ComputeTargetException.
    """
    return _settings().get("ClusterName", "")


def max_array_size() -> int:
    """The most elements of an array; 1 if the cluster does not tell.

    Raises :class:`Unavailable` and ComputeTargetException.
    """
    size = _settings().get("MaxArraySize", "")
    return max(int(size), 1) if size.isascii() and size.isdigit() else 1


def _settings() -> dict[str, str]:
    answer, _ = keep_answer("settings", _ask, now=False, max_age_s=MAX_AGE_S)
    return {name: str(value) for name, value in answer.items()}


def _ask() -> dict[str, str]:
    return dict(_SETTING.findall(run_command(["scontrol", "show", "config"])))
