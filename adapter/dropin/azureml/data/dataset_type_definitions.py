"""v1's ``azureml.data.dataset_type_definitions``, by amlflow."""

from typing import Any as _Any

from amlflow.core.absent.names import refuse as _refuse
from amlflow.core.data.data_type import FileEncoding, PromoteHeadersBehavior, SkipLinesBehavior

__all__ = ["FileEncoding", "PromoteHeadersBehavior", "SkipLinesBehavior"]


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
