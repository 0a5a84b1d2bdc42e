"""v1's ``azureml.core.resource_configuration``, by amlflow."""

from amlflow.core.models.resource_configuration import ResourceConfiguration
from amlflow.exceptions import WebserviceException

__all__ = [
    "ResourceConfiguration",
    "WebserviceException",
]
