"""v1's ``azureml.core.run``, by amlflow."""

from typing import Any as _Any

from amlflow.core.absent.names import refuse as _refuse
from amlflow.core.data.datapath import DataPath
from amlflow.core.data.dataset import AbstractDataset
from amlflow.core.data.datastore import Datastore
from amlflow.core.runs.offline import OfflineRun as _OfflineRun
from amlflow.core.runs.run import Run, get_run
from amlflow.core.runs.run import SubmittedRun as _SubmittedRun
from amlflow.core.runs.status import RunStatus
from amlflow.core.scripts.environment import Environment
from amlflow.exceptions import (
    ActivityFailedException,
    ExperimentExecutionException,
    RunEnvironmentException,
    SnapshotException,
    UserErrorException,
)

__all__ = [
    "AbstractDataset",
    "ActivityFailedException",
    "DataPath",
    "Datastore",
    "Environment",
    "ExperimentExecutionException",
    "Run",
    "RunEnvironmentException",
    "RunStatus",
    "SnapshotException",
    "UserErrorException",
    "_OfflineRun",
    "_SubmittedRun",
    "get_run",
]


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
