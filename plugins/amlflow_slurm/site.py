"""Names and limits of a cluster and its user. They hardly ever change."""

from __future__ import annotations

import os
import pwd
import re

from amlflow_slurm.commands import run_command
from amlflow_slurm.kept import keep_answer

MAX_AGE_S = 60 * 60.0
"""How long Slurm's settings are kept on this machine."""
_SETTING = re.compile(r"^(ClusterName|MaxArraySize|SchedulerParameters)\s*=\s*(\S+)", re.MULTILINE)
_MAX_TASKS = re.compile(r"(?:^|,)max_array_tasks=(\d{1,9})", re.IGNORECASE)
"""A site's limit of the elements of an array, if it is below ``MaxArraySize``."""


def user_name() -> str:
    """Return the name of the user who submits jobs: that of the process, not of its variables.

    If this machine does not know the name, return the user's number, which Slurm accepts, too.
    """
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def cluster_name() -> str:
    """Return the cluster's name. It is unique among clusters that know each other.

    Raises :class:`Unavailable` and ComputeTargetException.
    """
    return _settings().get("ClusterName", "")


def max_array_size() -> int:
    """Return how many elements an array may have. 1 if the cluster does not say.

    Raises :class:`Unavailable` and ComputeTargetException.
    """
    settings = _settings()
    size = settings.get("MaxArraySize", "")
    limits = [int(size)] if size.isascii() and size.isdigit() else [1]
    limits.extend(map(int, _MAX_TASKS.findall(settings.get("SchedulerParameters", ""))))
    return max(min(limits), 1)


def _settings() -> dict[str, str]:
    answer, _ = keep_answer("settings", _ask, now=False, max_age_s=MAX_AGE_S)
    return {name: str(value) for name, value in answer.items()}


def _ask() -> dict[str, str]:
    return dict(_SETTING.findall(run_command(["scontrol", "show", "config"])))
