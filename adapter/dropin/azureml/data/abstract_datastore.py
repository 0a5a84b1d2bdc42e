"""v1's ``azureml.data.abstract_datastore``, by amlflow."""

from amlflow.core.data.datastore import AbstractDatastore

__all__ = ["AbstractDatastore"]
