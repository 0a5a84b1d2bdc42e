"""v1's ``azureml.core.runconfig``, by amlflow."""

from amlflow.core.environment import DockerSection, PythonSection
from amlflow.core.run_configuration import DockerConfiguration, RunConfiguration

PythonEnvironment = PythonSection
DockerEnvironment = DockerSection

__all__ = [
    "DockerConfiguration",
    "DockerEnvironment",
    "PythonEnvironment",
    "RunConfiguration",
]
