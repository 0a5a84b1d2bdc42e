"""The processes that a run configuration asks for, with v1's settings.

v1's ``framework`` and ``communicator`` decide which of the sections ``mpi``, ``pytorch`` and
``tensorflow`` is used. ``node_count`` is the number of nodes for all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlflow.core.console import warn_once
from amlflow.core.scripts.distributed import (
    BACKENDS,
    MpiConfiguration,
    PyTorchConfiguration,
    TensorflowConfiguration,
)
from amlflow.core.scripts.run_configuration import RunConfiguration
from amlflow.exceptions import RunConfigurationException, UserErrorException
from amlflow.jobs.distribution import MAX_PROCESSES, Distribution, Join

if TYPE_CHECKING:
    from amlflow.jobs.job import Target

_MPI = ("mpi", "intelmpi", "openmpi")
_PARAMETER_SERVER = "parameterserver"
_FRAMEWORKS = ("python", "pytorch", "tensorflow")


def set_distribution(settings: RunConfiguration, distributed: Any) -> None:
    """Set the settings that v1's ScriptRunConfig sets for its ``distributed_job_config``.

    Raises:
        RunConfigurationException: ``distributed`` is an object of another class.
    """
    if isinstance(distributed, TensorflowConfiguration):
        settings.tensorflow = distributed
        settings.node_count = distributed.worker_count
        settings.framework, settings.communicator = "TensorFlow", "ParameterServer"
    elif isinstance(distributed, MpiConfiguration):
        settings.mpi = distributed
        settings.node_count = distributed.node_count
        settings.framework, settings.communicator = "Python", "IntelMpi"
    elif isinstance(distributed, PyTorchConfiguration):
        settings.pytorch = distributed
        settings.node_count = distributed.node_count
        settings.framework, settings.communicator = "PyTorch", distributed.communication_backend
    else:
        raise RunConfigurationException(
            f"distributed_job_config={distributed!r} is not supported; it is a "
            "TensorflowConfiguration, MpiConfiguration or PyTorchConfiguration of "
            "azureml.core.runconfig."
        )


def distribution_of(settings: RunConfiguration) -> Distribution | None:
    """Return the processes of a run; None for a single process that joins no others.

    Raises:
        UserErrorException: a number, the framework or the communicator is not valid.
    """
    if settings.framework.lower() not in _FRAMEWORKS:
        raise UserErrorException(
            f"The framework {settings.framework!r} is not supported; it is 'Python', 'PyTorch' or "
            "'TensorFlow'. Run any other program with command=[…]."
        )
    communicator = (settings.communicator or "none").lower()
    nodes = _count(settings.node_count or 1, "node_count")
    if communicator in _MPI:
        per_node = _count(settings.mpi.process_count_per_node, "mpi.process_count_per_node")
        return _check(Distribution(join=Join.MPI, nodes=nodes, processes=nodes * per_node))
    if communicator == _PARAMETER_SERVER:
        workers = _count(settings.tensorflow.worker_count, "tensorflow.worker_count")
        servers = _count(
            settings.tensorflow.parameter_server_count, "tensorflow.parameter_server_count", 0
        )
        nodes = min(nodes, workers + servers)
        return _check(
            Distribution(
                join=Join.TENSORFLOW, nodes=nodes, processes=workers + servers, servers=servers
            )
        )
    if communicator not in ("none", *BACKENDS):
        raise UserErrorException(
            f"The communicator {settings.communicator!r} is not supported; it is 'Mpi', 'Nccl', "
            "'Gloo', 'ParameterServer' or None."
        )
    if communicator == "none" and nodes == 1:
        return None
    stated = settings.pytorch.process_count if communicator != "none" else None
    processes = nodes if stated is None else _count(stated, "pytorch.process_count")
    if processes < nodes:
        raise UserErrorException(
            f"process_count={processes} is less than node_count={nodes}; it is the number of "
            "processes of all nodes together, at least one for each."
        )
    return _check(
        Distribution(
            join=Join.PYTORCH, nodes=nodes, processes=processes, is_of_nodes=stated is None
        )
    )


def warn_of_one_machine(distribution: Distribution | None, target: Target) -> None:
    """Warn if a run asks for several nodes, and the target is one machine."""
    if distribution is not None and distribution.nodes > 1:
        warn_once(
            f"The run asks for {distribution.nodes} nodes, and compute target {target.name!r} is "
            f"one machine: all {distribution.processes} processes are started on it."
        )


def _count(value: Any, name: str, least: int = 1) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return value
    raise UserErrorException(f"{name}={value!r} is not a whole number of at least {least}.")


def _check(distribution: Distribution) -> Distribution:
    if distribution.processes > MAX_PROCESSES:
        raise UserErrorException(
            f"The run asks for {distribution.processes} processes; at most {MAX_PROCESSES} can be "
            "started."
        )
    return distribution
