"""v1's ``azureml.data.azure_storage_datastore``, by amlflow."""

from amlflow.core.data.datastore import AbstractDatastore as AbstractAzureStorageDatastore
from amlflow.core.data.datastore import AzureBlobDatastore, AzureFileDatastore

__all__ = ["AbstractAzureStorageDatastore", "AzureBlobDatastore", "AzureFileDatastore"]
