"""v1's ``azureml.core.webservice``, by amlflow."""

from typing import Any as _Any

from amlflow.core.absent.names import refuse as _refuse
from amlflow.core.absent.serving import (
    AciWebservice,
    AksEndpoint,
    AksWebservice,
    LocalWebservice,
    Webservice,
)

__all__ = ["AciWebservice", "AksEndpoint", "AksWebservice", "LocalWebservice", "Webservice"]

__path__: list[str] = []  # so that the error of v1's submodules says where their names are


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
