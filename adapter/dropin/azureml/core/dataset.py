"""v1's ``azureml.core.dataset``, by amlflow."""

from amlflow.core.data.data_type import FileEncoding, PromoteHeadersBehavior, SkipLinesBehavior
from amlflow.core.data.entry import Dataset

__all__ = [
    "Dataset",
    "FileEncoding",
    "PromoteHeadersBehavior",
    "SkipLinesBehavior",
]
