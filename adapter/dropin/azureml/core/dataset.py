"""v1's ``azureml.core.dataset``, by amlflow."""

from amlflow.core.data.entry import Dataset

__all__ = ["Dataset"]
