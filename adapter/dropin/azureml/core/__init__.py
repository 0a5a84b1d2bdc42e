"""v1's ``azureml.core``, by amlflow."""

from typing import Any as _Any

from amlflow.core.absent.names import explain_modules as _explain_modules
from amlflow.core.absent.names import submodule as _submodule
from amlflow.core.absent.serving import Image, Webservice
from amlflow.core.compute.compute_target import ComputeTarget
from amlflow.core.data.datastore import Datastore
from amlflow.core.data.entry import Dataset
from amlflow.core.experiment import Experiment
from amlflow.core.models.model import Model
from amlflow.core.runs.run import Run, get_run
from amlflow.core.scripts.environment import Environment
from amlflow.core.scripts.run_configuration import RunConfiguration
from amlflow.core.scripts.script_run_config import ScriptRunConfig
from amlflow.core.scripts.sections import ContainerRegistry
from amlflow.core.version import VERSION
from amlflow.core.workspace import Workspace

__version__ = VERSION
_explain_modules()

__all__ = [
    "VERSION",
    "ComputeTarget",
    "ContainerRegistry",
    "Dataset",
    "Datastore",
    "Environment",
    "Experiment",
    "Image",
    "Model",
    "Run",
    "RunConfiguration",
    "ScriptRunConfig",
    "Webservice",
    "Workspace",
    "get_run",
]


def __getattr__(name: str) -> _Any:
    return _submodule(__name__, name)
