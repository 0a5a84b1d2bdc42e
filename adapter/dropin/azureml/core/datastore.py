"""v1's ``azureml.core.datastore``, by amlflow."""

from amlflow.core.data.datastore import Datastore

__all__ = ["Datastore"]
