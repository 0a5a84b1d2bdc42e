"""v1's ``azureml.core.environment``, by amlflow."""

from typing import Any

from amlflow.core.absent.names import refuse as _refuse
from amlflow.core.scripts.conda_dependencies import CondaDependencies
from amlflow.core.scripts.environment import Environment
from amlflow.core.scripts.environment_sections import DockerSection, PythonSection

__all__ = ["CondaDependencies", "DockerSection", "Environment", "PythonSection"]


def __getattr__(name: str) -> Any:
    _refuse(__name__, name)
