"""v1's ``azureml.core.conda_dependencies``, by amlflow."""

from amlflow.core.scripts.conda_dependencies import CondaDependencies
from amlflow.exceptions import UserErrorException

__all__ = [
    "CondaDependencies",
    "UserErrorException",
]
