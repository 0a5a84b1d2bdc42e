"""v1's ``azureml.data.dataset_factory``, by amlflow."""

from amlflow.core.data.data_type import DataType
from amlflow.core.data.factories import FileDatasetFactory, TabularDatasetFactory

__all__ = ["DataType", "FileDatasetFactory", "TabularDatasetFactory"]
