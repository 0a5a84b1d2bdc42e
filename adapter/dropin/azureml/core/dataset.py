"""v1's ``azureml.core.dataset``, by amlflow."""

from amlflow.core.data.factories import Dataset

__all__ = ["Dataset"]
