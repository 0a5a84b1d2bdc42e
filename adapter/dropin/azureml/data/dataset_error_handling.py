"""v1's ``azureml.data.dataset_error_handling``, by amlflow."""

from amlflow.data.errors import DatasetExecutionError, DatasetValidationError

__all__ = ["DatasetExecutionError", "DatasetValidationError"]
