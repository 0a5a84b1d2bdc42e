"""v1's ``azureml.core.model``, by amlflow."""

from typing import Any as _Any

from amlflow.core.absent.compute_kinds import AksCompute
from amlflow.core.absent.names import refuse as _refuse
from amlflow.core.absent.serving import InferenceConfig
from amlflow.core.data.entry import Dataset
from amlflow.core.data.file_dataset import FileDataset
from amlflow.core.data.tabular_dataset import TabularDataset
from amlflow.core.experiment import Experiment
from amlflow.core.models.model import Model
from amlflow.core.models.resource_configuration import ResourceConfiguration
from amlflow.core.runs.run import get_run
from amlflow.core.scripts.environment import Environment
from amlflow.core.scripts.sections import ContainerRegistry
from amlflow.exceptions import (
    ModelNotFoundException,
    RunEnvironmentException,
    UserErrorException,
    WebserviceException,
)

__all__ = [
    "AksCompute",
    "ContainerRegistry",
    "Dataset",
    "Environment",
    "Experiment",
    "FileDataset",
    "InferenceConfig",
    "Model",
    "ModelNotFoundException",
    "ResourceConfiguration",
    "RunEnvironmentException",
    "TabularDataset",
    "UserErrorException",
    "WebserviceException",
    "get_run",
]


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
