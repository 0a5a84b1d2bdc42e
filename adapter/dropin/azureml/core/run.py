"""v1's ``azureml.core.run``, by amlflow."""

from amlflow.core.offline_run import OfflineRun as _OfflineRun
from amlflow.core.run import Run, get_run

__all__ = ["Run", "_OfflineRun", "get_run"]
