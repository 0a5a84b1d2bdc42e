"""v1's ``azureml.data.file_dataset``, by amlflow."""

from amlflow.core.data.file_dataset import FileDataset

__all__ = ["FileDataset"]
