"""v1's ``azureml.core.image``, by amlflow."""

from typing import Any as _Any

from amlflow.core.absent.names import refuse as _refuse
from amlflow.core.absent.serving import ContainerImage, Image

__all__ = ["ContainerImage", "Image"]

__path__: list[str] = []  # so that importing one of v1's submodules says where its names are


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
