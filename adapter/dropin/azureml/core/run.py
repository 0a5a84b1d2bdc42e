"""v1's ``azureml.core.run``, by amlflow."""

from amlflow.core.context import SubmittedRun as _SubmittedRun
from amlflow.core.offline_run import OfflineRun as _OfflineRun
from amlflow.core.run import Run, get_run

__all__ = ["Run", "_OfflineRun", "_SubmittedRun", "get_run"]
