"""v1's ``azureml.data.constants``, by amlflow."""

from amlflow.core.data.declared import BLOB as WORKSPACE_BLOB_DATASTORE
from amlflow.core.data.declared import FILES as WORKSPACE_FILE_DATASTORE

__all__ = ["WORKSPACE_BLOB_DATASTORE", "WORKSPACE_FILE_DATASTORE"]
