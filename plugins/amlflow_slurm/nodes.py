"""What Slurm says of nodes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from amlflow.exceptions import ComputeTargetException

from amlflow_slurm.commands import run_command

_ADDRESS = re.compile(r"\bNodeAddr=(\S+)")


def addresses_of(node_list: str) -> Sequence[str]:
    """The addresses of nodes, in the order of Slurm's short form of their names, as ``n[1-3]``.

    Raises:
        ComputeTargetException: this process is not in a job of Slurm.
        Unavailable: Slurm does not answer.
    """
    if not node_list:
        raise ComputeTargetException(
            "SLURM_JOB_NODELIST is not set: only a job of Slurm has nodes to spread to."
        )
    names = run_command(["scontrol", "show", "hostnames", node_list]).split()
    lines = run_command(["scontrol", "--oneliner", "show", "node", node_list]).splitlines()
    known = dict(_address(line) for line in lines if line.startswith("NodeName="))
    return [known.get(name, name) for name in names]


def _address(line: str) -> tuple[str, str]:
    name = line.split(maxsplit=1)[0].partition("=")[2]
    stated = _ADDRESS.search(line)
    return name, name if stated is None else stated[1]
