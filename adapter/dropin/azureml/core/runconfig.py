"""v1's ``azureml.core.runconfig``, by amlflow."""

from typing import Any

from amlflow.core.absent.names import refuse as _refuse
from amlflow.core.scripts.conda_dependencies import CondaDependencies
from amlflow.core.scripts.environment import Environment
from amlflow.core.scripts.environment_sections import DockerSection, PythonSection
from amlflow.core.scripts.run_configuration import DockerConfiguration, RunConfiguration

PythonEnvironment = PythonSection
DockerEnvironment = DockerSection
EnvironmentDefinition = Environment

__all__ = [
    "CondaDependencies",
    "DockerConfiguration",
    "DockerEnvironment",
    "EnvironmentDefinition",
    "PythonEnvironment",
    "RunConfiguration",
]


def __getattr__(name: str) -> Any:
    _refuse(__name__, name)
