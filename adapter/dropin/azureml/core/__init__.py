"""v1's ``azureml.core``, by amlflow."""

from typing import Any

from amlflow.core.absent import explain_modules as _explain_modules
from amlflow.core.absent import submodule as _submodule
from amlflow.core.compute_target import ComputeTarget
from amlflow.core.environment import Environment
from amlflow.core.experiment import Experiment
from amlflow.core.run import Run, get_run
from amlflow.core.run_configuration import RunConfiguration
from amlflow.core.script_run_config import ScriptRunConfig
from amlflow.core.version import VERSION
from amlflow.core.workspace import Workspace

__version__ = VERSION
_explain_modules()

__all__ = [
    "VERSION",
    "ComputeTarget",
    "Environment",
    "Experiment",
    "Run",
    "RunConfiguration",
    "ScriptRunConfig",
    "Workspace",
    "get_run",
]


def __getattr__(name: str) -> Any:
    return _submodule(__name__, name)
