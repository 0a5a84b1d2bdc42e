"""v1's ``azureml.core.experiment``, by amlflow."""

from typing import Any as _Any

from amlflow.core.absent.names import refuse as _refuse
from amlflow.core.experiment import Experiment

__all__ = ["Experiment"]


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
