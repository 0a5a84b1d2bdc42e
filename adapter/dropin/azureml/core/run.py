"""v1's ``azureml.core.run``, by amlflow."""

from typing import Any as _Any

from amlflow.core.absent.names import refuse as _refuse
from amlflow.core.runs.offline import OfflineRun as _OfflineRun
from amlflow.core.runs.run import Run, get_run
from amlflow.core.runs.run import SubmittedRun as _SubmittedRun

__all__ = ["Run", "_OfflineRun", "_SubmittedRun", "get_run"]


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
