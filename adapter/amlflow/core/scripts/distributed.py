"""v1's descriptions of jobs of several processes. They can be made; submitting one is refused."""

from __future__ import annotations

from dataclasses import dataclass

from amlflow.core.scripts.unknown_settings import Settings


@dataclass
class PyTorchConfiguration(Settings):
    """Processes that PyTorch joins.

    ``process_count`` is the number of processes on all nodes; None means that the script's own
    command starts them, such as torchrun.
    """

    communication_backend: str = "nccl"
    process_count: int | None = None
    node_count: int = 1


@dataclass
class MpiConfiguration(Settings):
    """Processes that MPI joins, the same number on each node."""

    process_count_per_node: int = 1
    node_count: int = 1


@dataclass
class TensorflowConfiguration(Settings):
    """Processes of TensorFlow: workers, and servers that keep the parameters."""

    worker_count: int = 1
    parameter_server_count: int = 1


@dataclass
class ParallelTaskConfiguration(Settings):
    """Workers that take tasks from a list, the same number on each node."""

    max_retries_per_worker: int = 0
    worker_count_per_node: int = 1
    terminal_exit_codes: list[int] | None = None
