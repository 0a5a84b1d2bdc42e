"""v1's ``azureml.core.workspace``, by amlflow."""

from amlflow.core.workspace import Workspace

__all__ = ["Workspace"]
