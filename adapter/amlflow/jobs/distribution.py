"""Decides the node and the environment variables of each process of a distributed run.

Only this module decides that, for one machine and for the nodes of a cluster. The sources of the
variables are v1's documentation of distributed training, and public scripts that read them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

FIRST_PORT, PORTS = 20_000, 12_000
"""Ports for processes. They are below the ports that systems assign by themselves, so that no
other connection takes one until its process opens it."""
MAX_PROCESSES = 10_000
"""Of one run."""


class Join(str, Enum):
    """How the processes join each other."""

    MPI = "mpi"
    PYTORCH = "pytorch"
    TENSORFLOW = "tensorflow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """The processes of a run.

    ``processes`` is the number on all ``nodes`` together. With ``is_of_nodes``, each process
    represents a node, and may start other processes there. ``servers`` is the number of processes
    that keep parameters for the others. They end when the others have ended.
    """

    join: str
    nodes: int
    processes: int
    servers: int = 0
    is_of_nodes: bool = False

    @property
    def per_node(self) -> int:
        """The highest number of processes on one node."""
        return -(-self.processes // self.nodes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process: its number among all, the number of its node, and its number on that node.

    ``beside`` is how many processes its node has.
    """

    number: int
    node: int
    local: int
    beside: int


def rank_by_node(distribution: Distribution) -> list[Process]:
    """Number the processes node by node.

    If they do not divide evenly, the first nodes have more.
    """
    least, more = divmod(distribution.processes, distribution.nodes)
    processes: list[Process] = []
    for node in range(distribution.nodes):
        beside = least + (node < more)
        processes += [
            Process(number=len(processes) + local, node=node, local=local, beside=beside)
            for local in range(beside)
        ]
    return processes


def rank_here(distribution: Distribution) -> list[Process]:
    """Number the processes on one machine.

    It is one node, unless each process represents a node.
    """
    if distribution.is_of_nodes:
        return rank_by_node(distribution)
    count = distribution.processes
    return [Process(number=i, node=0, local=i, beside=count) for i in range(count)]


def is_spread(distribution: Distribution) -> bool:
    """Whether the cluster must start the processes: on several nodes, or by its own MPI."""
    return distribution.nodes > 1 or distribution.join == Join.MPI


def process_ports(free: int, count: int) -> list[int]:
    """Return a port for each process on a cluster.

    The first is ``free``, a port of the first node. This process cannot look for free ports on
    other nodes, so the other processes get the ports after it.
    """
    return [FIRST_PORT + (free - FIRST_PORT + i) % PORTS for i in range(count)]


def with_port(address: str, port: int) -> str:
    """Return an address with a port. An address of IPv6, which has colons, is in brackets."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def variables_of(
    distribution: Distribution,
    processes: Sequence[Process],
    process: Process,
    addresses: Sequence[str],
    ports: Sequence[int],
) -> dict[str, str]:
    """Return the environment variables of one process.

    ``addresses`` are the addresses of the nodes. ``ports`` has a free port for each process.
    """
    first, port = addresses[0], ports[0]
    is_first = process.node == 0
    variables = {
        "MASTER_ADDR": first,
        "MASTER_PORT": str(port),
        "MASTER_IP": first,
        "NODE_RANK": str(process.node),
        "AZUREML_CR_NODE_RANK": str(process.node),
        "AZUREML_NODE_COUNT": str(len(addresses)),
        "AZ_BATCHAI_JOB_MASTER_NODE_IP": first,
        "AZ_BATCHAI_TASK_INDEX": str(process.number),
        "AZ_BATCH_MASTER_NODE": with_port(first, port),
        "AZ_BATCH_IS_CURRENT_NODE_MASTER": "true" if is_first else "false",
        "AZ_BATCH_HOST_LIST": ",".join(addresses),
        "AZ_BATCH_NODE_LIST": ";".join(addresses),
    }
    if distribution.join == Join.MPI:
        return {**variables, "AZ_BATCHAI_MPI_MASTER_NODE": first, **_mpi(processes, process)}
    if distribution.join == Join.TENSORFLOW:
        return {**variables, **_tensorflow(distribution, processes, process, addresses, ports)}
    return {
        **variables,
        "AZ_BATCHAI_PYTORCH_INIT_METHOD": f"tcp://{with_port(first, port)}",
        "RANK": str(process.number),
        "WORLD_SIZE": str(len(processes)),
        "LOCAL_RANK": str(process.local),
        "LOCAL_WORLD_SIZE": str(process.beside),
    }


def _mpi(processes: Sequence[Process], process: Process) -> dict[str, str]:
    """Return the variables of Open MPI's mpirun. Scripts read them with every MPI.

    RANK and LOCAL_RANK are not set. If a library finds these, it starts no processes itself.
    """
    return {
        "OMPI_COMM_WORLD_RANK": str(process.number),
        "OMPI_COMM_WORLD_SIZE": str(len(processes)),
        "OMPI_COMM_WORLD_LOCAL_RANK": str(process.local),
        "OMPI_COMM_WORLD_LOCAL_SIZE": str(process.beside),
        "OMPI_COMM_WORLD_NODE_RANK": str(process.local),
    }


def server_numbers(distribution: Distribution, processes: Sequence[Process]) -> list[int]:
    """Return the numbers of the processes that keep parameters: the last ones of the nodes."""
    by_turns = sorted(processes, key=lambda process: (process.local, process.node))
    return [process.number for process in by_turns[len(by_turns) - distribution.servers :]]


def _tensorflow(
    distribution: Distribution,
    processes: Sequence[Process],
    process: Process,
    addresses: Sequence[str],
    ports: Sequence[int],
) -> dict[str, str]:
    of_servers = server_numbers(distribution, processes)
    groups: dict[str, list[Process]] = {"worker": [], "ps": []}
    for other in processes:
        groups["ps" if other.number in of_servers else "worker"].append(other)
    hosts = {
        kind: [with_port(addresses[other.node], ports[other.number]) for other in members]
        for kind, members in groups.items()
        if members
    }
    kind = "ps" if process.number in of_servers else "worker"
    task = {"type": kind, "index": groups[kind].index(process)}
    return {
        "TF_CONFIG": json.dumps({"cluster": hosts, "task": task, "environment": "cloud"}),
        "AZ_BATCHAI_WORKER_HOSTS": ",".join(hosts["worker"]),
        "AZ_BATCHAI_PARAMETER_SERVER_HOSTS": ",".join(hosts.get("ps", ())),
    }
