"""v1's ``azureml.data.abstract_dataset``, by amlflow."""

from amlflow.core.data.consumption import DatasetConsumptionConfig
from amlflow.core.data.dataset import AbstractDataset
from amlflow.core.data.factories import FileDatasetFactory, TabularDatasetFactory
from amlflow.exceptions import RunEnvironmentException, UserErrorException

__all__ = [
    "AbstractDataset",
    "DatasetConsumptionConfig",
    "FileDatasetFactory",
    "RunEnvironmentException",
    "TabularDatasetFactory",
    "UserErrorException",
]
