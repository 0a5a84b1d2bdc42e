"""v1's ``azureml.core.experiment``, by amlflow."""

from typing import Any as _Any

from amlflow.core.absent.names import refuse as _refuse
from amlflow.core.compute.compute_target import ComputeInstance
from amlflow.core.experiment import Experiment
from amlflow.core.scripts.sections import DEFAULT_GPU_IMAGE
from amlflow.exceptions import UserErrorException

__all__ = [
    "ComputeInstance",
    "DEFAULT_GPU_IMAGE",
    "Experiment",
    "UserErrorException",
]


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
