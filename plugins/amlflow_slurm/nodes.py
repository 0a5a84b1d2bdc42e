"""Reads the states and addresses of nodes."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

from amlflow.exceptions import ComputeTargetException
from amlflow.spec import ClusterStatus, Partition

from amlflow_slurm.commands import run_command
from amlflow_slurm.kept import keep_answer

_AMLFLOW_JOB = re.compile(r"[0-9a-f]{32}")
"""The form of the names that amlflow gives its jobs."""
_COUNTS = re.compile(r"(\d+)/(\d+)/(\d+)/(\d+)")
"""sinfo's numbers of nodes: in use, idle, other, all."""
_RUNNING = ("RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED")
_ADDRESS = re.compile(r"\bNodeAddr=(\S+)")


def addresses_of(node_list: str) -> Sequence[str]:
    """Return the addresses of nodes. ``node_list`` is Slurm's short form, such as ``n[1-3]``.

    Raises:
        ComputeTargetException: this process is not in a job of Slurm.
        Unavailable: Slurm does not answer.
    """
    if not node_list:
        raise ComputeTargetException(
            "SLURM_JOB_NODELIST is not set: only a job of Slurm has nodes to spread to."
        )
    names = run_command(["scontrol", "show", "hostnames", node_list])
    nodes = run_command(["scontrol", "--oneliner", "show", "node", node_list])
    return to_addresses(names, nodes)


def to_addresses(names: str, nodes: str) -> Sequence[str]:
    """Return the addresses of nodes by what scontrol says: their names, and a line for each."""
    lines = nodes.splitlines()
    known = dict(_address(line) for line in lines if line.startswith("NodeName="))
    return [known.get(name, name) for name in names.split()]


def describe(partition: str | None) -> ClusterStatus:
    """Return the state of the nodes and the queue of a partition; of all partitions if None.

    Raises:
        ComputeTargetException: Slurm's commands are not on this machine, or refuse the partition.
        Unavailable: Slurm does not answer.
    """
    of_partition = [] if partition is None else [f"--partition={partition}"]
    key = hashlib.sha256((partition or "").encode()).hexdigest()[:16]
    answer, _ = keep_answer(f"nodes-{key}", lambda: _ask_nodes(of_partition), now=False)
    status = status_of(answer["sinfo"], answer["squeue"])
    known = [each.name for each in status.partitions]
    unknown = (
        [] if partition is None else [each for each in partition.split(",") if each not in known]
    )
    if unknown:  # sinfo prints nothing for it, and does not fail
        raise ComputeTargetException(
            f"Slurm has no partition {', '.join(map(repr, unknown))}; `sinfo --summarize` lists "
            "what it has. Correct the setting 'partition' of the compute target."
        )
    return status


def has_nodes_away(partition: str | None) -> bool:
    """Whether nodes of a partition take no jobs now, such as drained ones; of any if None.

    Raises what :func:`describe` raises.
    """
    of_partition = [] if partition is None else [f"--partition={partition}"]
    words = ["--noheader", "--states=down,drain,fail,maint", "--format=%D"]
    counts = run_command(["sinfo", *words, *of_partition]).split()
    return any(count != "0" for count in counts)


def _ask_nodes(of_partition: list[str]) -> dict[str, str]:
    states = ",".join(("PENDING", *_RUNNING))
    columns = ["--noheader", "--array", f"--states={states}", "--format=%T %j"]
    return {
        "sinfo": run_command(["sinfo", "--noheader", "--format=%F %R", *of_partition]),
        "squeue": run_command(["squeue", *columns, *of_partition]),
    }


def status_of(nodes: str, jobs: str) -> ClusterStatus:
    """Compute the status from the output of sinfo and squeue."""
    partitions: dict[str, Partition] = {}
    for line in nodes.splitlines():
        counts, _, name = line.strip().partition(" ")
        numbers = _COUNTS.fullmatch(counts)
        if numbers is None:
            continue
        in_use, idle, away = (int(number) for number in numbers.groups()[:3])
        # A partition has several lines if its nodes differ.
        before = partitions.get(name, Partition(name=name, in_use=0, idle=0))
        partitions[name] = Partition(
            name=name,
            in_use=before.in_use + in_use,
            idle=before.idle + idle,
            away=before.away + away,
        )
    counted: Counter[tuple[bool, bool]] = Counter()
    for line in jobs.splitlines():
        state, _, name = line.strip().partition(" ")
        counted[_AMLFLOW_JOB.fullmatch(name) is not None, state == "PENDING"] += 1
    return ClusterStatus(
        partitions=list(partitions.values()),
        running=counted[True, False],
        waiting=counted[True, True],
        others_running=counted[False, False],
        others_waiting=counted[False, True],
    )


def _address(line: str) -> tuple[str, str]:
    name = line.split(maxsplit=1)[0].partition("=")[2]
    stated = _ADDRESS.search(line)
    return name, name if stated is None else stated[1]
