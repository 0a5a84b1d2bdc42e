"""v1's ``azureml.data.tabular_dataset``, by amlflow."""

from amlflow.core.data.dataset import AbstractDataset
from amlflow.core.data.file_dataset import FileDataset
from amlflow.core.data.tabular_dataset import TabularDataset
from amlflow.exceptions import AzureMLException, DatasetTimestampMissingError, UserErrorException

__all__ = [
    "AbstractDataset",
    "AzureMLException",
    "DatasetTimestampMissingError",
    "FileDataset",
    "TabularDataset",
    "UserErrorException",
]
