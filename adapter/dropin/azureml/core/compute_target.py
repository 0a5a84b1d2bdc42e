"""v1's ``azureml.core.compute_target``, by amlflow."""

from typing import Any as _Any

from amlflow.core.absent.names import refuse as _refuse
from amlflow.exceptions import ComputeTargetException, UserErrorException

__all__ = [
    "ComputeTargetException",
    "UserErrorException",
]


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
