"""v1's descriptions of jobs of several processes."""

from __future__ import annotations

from dataclasses import dataclass

from amlflow.core.scripts.unknown_settings import Settings
from amlflow.exceptions import RunConfigurationException

BACKENDS = ("nccl", "gloo")


@dataclass
class PyTorchConfiguration(Settings):
    """Processes that PyTorch joins.

    ``process_count`` is the number of processes on all nodes together. None means one for each
    node. This one may be a command that starts others, such as torchrun.

    Raises:
        RunConfigurationException: the backend is neither Nccl nor Gloo.
    """

    communication_backend: str = "Nccl"
    process_count: int | None = None
    node_count: int = 1

    def __post_init__(self) -> None:
        """Check the backend, and convert it to small letters, as v1 does."""
        backend = str(self.communication_backend).lower()
        if backend not in BACKENDS:
            raise RunConfigurationException(
                f"communication_backend={self.communication_backend!r} is not supported; it is "
                "'Nccl' or 'Gloo'."
            )
        self.communication_backend = backend


@dataclass
class MpiConfiguration(Settings):
    """Processes that MPI joins, the same number on each node."""

    process_count_per_node: int = 1
    node_count: int = 1


@dataclass
class TensorflowConfiguration(Settings):
    """Processes of TensorFlow: workers, and servers that keep the parameters.

    v1 asks for as many nodes as there are workers.
    """

    worker_count: int = 1
    parameter_server_count: int = 1


@dataclass
class ParallelTaskConfiguration(Settings):
    """Workers that take tasks from a list, the same number on each node."""

    max_retries_per_worker: int = 0
    worker_count_per_node: int = 1
    terminal_exit_codes: list[int] | None = None


class Mpi(MpiConfiguration):
    """``azureml.train.dnn.Mpi``. The estimator has the number of nodes."""

    def __init__(self, process_count_per_node: int = 1) -> None:
        super().__init__(process_count_per_node)


class Nccl(PyTorchConfiguration):
    """``azureml.train.dnn.Nccl``: one process for each of the estimator's nodes."""

    def __init__(self) -> None:
        super().__init__("Nccl")


class Gloo(PyTorchConfiguration):
    """``azureml.train.dnn.Gloo``: one process for each of the estimator's nodes."""

    def __init__(self) -> None:
        super().__init__("Gloo")


class ParameterServer(TensorflowConfiguration):
    """``azureml.train.dnn.ParameterServer``."""

    def __init__(self, worker_count: int = 1, parameter_server_count: int = 1) -> None:
        super().__init__(worker_count, parameter_server_count)
