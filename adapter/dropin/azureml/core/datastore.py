"""v1's ``azureml.core.datastore``, by amlflow."""

from amlflow.core.data.datastore import Datastore
from amlflow.exceptions import UserErrorException

__all__ = [
    "Datastore",
    "UserErrorException",
]
