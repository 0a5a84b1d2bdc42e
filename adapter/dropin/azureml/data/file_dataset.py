"""v1's ``azureml.data.file_dataset``, by amlflow."""

from amlflow.core.data.dataset import AbstractDataset
from amlflow.core.data.file_dataset import FileDataset
from amlflow.exceptions import AzureMLException, UserErrorException

__all__ = [
    "AbstractDataset",
    "AzureMLException",
    "FileDataset",
    "UserErrorException",
]
