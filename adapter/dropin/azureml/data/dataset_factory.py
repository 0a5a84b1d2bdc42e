"""v1's ``azureml.data.dataset_factory``, by amlflow."""

from amlflow.core.data.data_type import DataType, PromoteHeadersBehavior
from amlflow.core.data.datapath import DataPath, DataReference
from amlflow.core.data.datastore import AbstractDatastore
from amlflow.core.data.factories import FileDatasetFactory, TabularDatasetFactory
from amlflow.exceptions import UserErrorException

__all__ = [
    "AbstractDatastore",
    "DataPath",
    "DataReference",
    "DataType",
    "FileDatasetFactory",
    "PromoteHeadersBehavior",
    "TabularDatasetFactory",
    "UserErrorException",
]
