"""v1's ``azureml.core.runconfig``, by amlflow."""

from typing import Any as _Any

from amlflow.core.absent.names import refuse as _refuse
from amlflow.core.compute.compute_target import ComputeTarget
from amlflow.core.data.consumption import DatasetConsumptionConfig
from amlflow.core.runs.run import Run
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
from amlflow.exceptions import RunConfigurationException, UserErrorException

PythonEnvironment = PythonSection
DockerEnvironment = DockerSection
EnvironmentDefinition = Environment
MPI_CPU_IMAGE = DEFAULT_CPU_IMAGE
MPI_GPU_IMAGE = DEFAULT_GPU_IMAGE

__all__ = [
    "AmlComputeConfiguration",
    "ComputeTarget",
    "CondaDependencies",
    "ContainerRegistry",
    "DEFAULT_CPU_IMAGE",
    "DEFAULT_GPU_IMAGE",
    "Data",
    "DataLocation",
    "DataReferenceConfiguration",
    "Dataset",
    "DatasetConsumptionConfig",
    "DockerConfiguration",
    "DockerEnvironment",
    "DockerSection",
    "Environment",
    "EnvironmentDefinition",
    "HistoryConfiguration",
    "MPI_CPU_IMAGE",
    "MPI_GPU_IMAGE",
    "MpiConfiguration",
    "ParallelTaskConfiguration",
    "PyTorchConfiguration",
    "PythonEnvironment",
    "PythonSection",
    "Run",
    "RunConfiguration",
    "RunConfigurationException",
    "SparkSection",
    "TensorflowConfiguration",
    "UserErrorException",
]


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
