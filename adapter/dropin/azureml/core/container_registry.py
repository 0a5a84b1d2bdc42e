"""v1's ``azureml.core.container_registry``, by amlflow."""

from amlflow.core.scripts.sections import ContainerRegistry

__all__ = ["ContainerRegistry"]
