"""v1's ``azureml.core.resource_configuration``, by amlflow."""

from amlflow.core.models.resource_configuration import ResourceConfiguration

__all__ = ["ResourceConfiguration"]
