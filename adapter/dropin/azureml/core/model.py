"""v1's ``azureml.core.model``, by amlflow."""

from typing import Any as _Any

from amlflow.core.absent.names import refuse as _refuse
from amlflow.core.absent.serving import InferenceConfig
from amlflow.core.models.model import Model
from amlflow.core.models.resource_configuration import ResourceConfiguration

__all__ = ["InferenceConfig", "Model", "ResourceConfiguration"]


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
