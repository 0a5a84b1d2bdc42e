"""v1's ``azureml.data.azure_storage_datastore``, by amlflow."""

from amlflow.core.data.datapath import DataReference
from amlflow.core.data.datastore import AbstractDatastore, AzureBlobDatastore, AzureFileDatastore
from amlflow.core.data.datastore import AbstractDatastore as AbstractAzureStorageDatastore
from amlflow.exceptions import UserErrorException

__all__ = [
    "AbstractAzureStorageDatastore",
    "AbstractDatastore",
    "AzureBlobDatastore",
    "AzureFileDatastore",
    "DataReference",
    "UserErrorException",
]
