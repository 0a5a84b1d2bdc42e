"""v1's ``azureml.core.environment``, by amlflow."""

from amlflow.core.environment import DockerSection, Environment, PythonSection

__all__ = ["DockerSection", "Environment", "PythonSection"]
