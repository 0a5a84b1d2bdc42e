"""v1's ``azureml.train.dnn``, by amlflow."""

from typing import Any as _Any

from amlflow.core.absent.names import refuse as _refuse
from amlflow.core.scripts.distributed import Gloo, Mpi, Nccl, ParameterServer
from amlflow.core.scripts.estimators import PyTorch, TensorFlow

__all__ = ["Gloo", "Mpi", "Nccl", "ParameterServer", "PyTorch", "TensorFlow"]


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
