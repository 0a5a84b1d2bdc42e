"""v1's ``azureml.core.container_registry``, by amlflow."""

from typing import Any as _Any

from amlflow.core.absent.names import refuse as _refuse
from amlflow.core.scripts.sections import ContainerRegistry

__all__ = ["ContainerRegistry"]


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
