"""v1's ``azureml.core.image``, by amlflow."""

from typing import Any as _Any

from amlflow.core.absent.names import refuse as _refuse
from amlflow.core.absent.serving import ContainerImage, Image

__all__ = ["ContainerImage", "Image"]

__path__: list[str] = []  # so that the error of v1's submodules says where their names are


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
