"""v1's ``azureml.train.dnn``, by amlflow."""

from typing import Any

from amlflow.core.absent.names import refuse as _refuse
from amlflow.core.scripts.estimators import PyTorch, TensorFlow

__all__ = ["PyTorch", "TensorFlow"]


def __getattr__(name: str) -> Any:
    _refuse(__name__, name)
