"""v1's ``azureml.data.dataset_error_handling``, by amlflow."""

from amlflow.data.errors import DatasetExecutionError, DatasetValidationError
from amlflow.exceptions import AzureMLException, UserErrorException

__all__ = [
    "AzureMLException",
    "DatasetExecutionError",
    "DatasetValidationError",
    "UserErrorException",
]
