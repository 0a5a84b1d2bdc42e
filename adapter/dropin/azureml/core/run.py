"""v1's ``azureml.core.run``, by amlflow."""

from amlflow.core.runs.offline import OfflineRun as _OfflineRun
from amlflow.core.runs.run import Run, get_run
from amlflow.core.runs.run import SubmittedRun as _SubmittedRun

__all__ = ["Run", "_OfflineRun", "_SubmittedRun", "get_run"]
