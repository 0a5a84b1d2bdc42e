"""v1's ``azureml.exceptions``, by amlflow."""

from amlflow.exceptions import *  # noqa: F403
from amlflow.exceptions import __all__ as __all__
