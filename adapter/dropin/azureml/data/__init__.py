"""v1's ``azureml.data``, by amlflow."""

from typing import Any as _Any

from amlflow.core.absent.names import submodule as _submodule
from amlflow.core.data.data_type import DataType
from amlflow.core.data.factories import FileDatasetFactory as _  # noqa: F401 - it completes the data sets
from amlflow.core.data.file_dataset import FileDataset
from amlflow.core.data.output_config import OutputFileDatasetConfig
from amlflow.core.data.tabular_dataset import TabularDataset
from amlflow.core.version import VERSION

__version__ = VERSION

__all__ = ["VERSION", "DataType", "FileDataset", "OutputFileDatasetConfig", "TabularDataset"]


def __getattr__(name: str) -> _Any:
    return _submodule(__name__, name)
