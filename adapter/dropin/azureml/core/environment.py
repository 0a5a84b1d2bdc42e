"""v1's ``azureml.core.environment``, by amlflow."""

from typing import Any as _Any

from amlflow.core.absent.names import refuse as _refuse
from amlflow.core.scripts.conda_dependencies import CondaDependencies
from amlflow.core.scripts.dockerfiles import DockerBuildContext
from amlflow.core.scripts.environment import Environment
from amlflow.core.scripts.environment_sections import DockerSection, PythonSection
from amlflow.core.scripts.sections import (
    DEFAULT_CPU_IMAGE,
    DEFAULT_GPU_IMAGE,
    ContainerRegistry,
    SparkSection,
)
from amlflow.exceptions import AzureMLException, UserErrorException

DockerEnvironment = DockerSection
PythonEnvironment = PythonSection

__all__ = [
    "AzureMLException",
    "CondaDependencies",
    "ContainerRegistry",
    "DEFAULT_CPU_IMAGE",
    "DEFAULT_GPU_IMAGE",
    "DockerBuildContext",
    "DockerEnvironment",
    "DockerSection",
    "Environment",
    "PythonEnvironment",
    "PythonSection",
    "SparkSection",
    "UserErrorException",
]


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
