"""v1's ``azureml.core.runconfig``, by amlflow."""

from typing import Any as _Any

from amlflow.core.absent.names import refuse as _refuse
from amlflow.core.scripts.conda_dependencies import CondaDependencies
from amlflow.core.scripts.data_section import (
    Data,
    DataLocation,
    DataReferenceConfiguration,
    Dataset,
)
from amlflow.core.scripts.distributed import (
    MpiConfiguration,
    ParallelTaskConfiguration,
    PyTorchConfiguration,
    TensorflowConfiguration,
)
from amlflow.core.scripts.environment import Environment
from amlflow.core.scripts.environment_sections import DockerSection, PythonSection
from amlflow.core.scripts.run_configuration import DockerConfiguration, RunConfiguration
from amlflow.core.scripts.sections import (
    DEFAULT_CPU_IMAGE,
    DEFAULT_GPU_IMAGE,
    AmlComputeConfiguration,
    ContainerRegistry,
    HistoryConfiguration,
    SparkSection,
)

PythonEnvironment = PythonSection
DockerEnvironment = DockerSection
EnvironmentDefinition = Environment
MPI_CPU_IMAGE = DEFAULT_CPU_IMAGE
MPI_GPU_IMAGE = DEFAULT_GPU_IMAGE

__all__ = [
    "DEFAULT_CPU_IMAGE",
    "DEFAULT_GPU_IMAGE",
    "MPI_CPU_IMAGE",
    "MPI_GPU_IMAGE",
    "AmlComputeConfiguration",
    "CondaDependencies",
    "ContainerRegistry",
    "Data",
    "DataLocation",
    "DataReferenceConfiguration",
    "Dataset",
    "DockerConfiguration",
    "DockerEnvironment",
    "DockerSection",
    "Environment",
    "EnvironmentDefinition",
    "HistoryConfiguration",
    "MpiConfiguration",
    "ParallelTaskConfiguration",
    "PyTorchConfiguration",
    "PythonEnvironment",
    "PythonSection",
    "RunConfiguration",
    "SparkSection",
    "TensorflowConfiguration",
]


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
