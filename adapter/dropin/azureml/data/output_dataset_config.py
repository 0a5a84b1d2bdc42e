"""v1's ``azureml.data.output_dataset_config``, by amlflow."""

from typing import Any as _Any

from amlflow.core.absent.names import refuse as _refuse
from amlflow.core.data.data_type import PromoteHeadersBehavior
from amlflow.core.data.dataset import AbstractDataset
from amlflow.core.data.output_config import (
    OutputDatasetConfig,
    OutputFileDatasetConfig,
    OutputTabularDatasetConfig,
)

__all__ = [
    "AbstractDataset",
    "OutputDatasetConfig",
    "OutputFileDatasetConfig",
    "OutputTabularDatasetConfig",
    "PromoteHeadersBehavior",
]


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
