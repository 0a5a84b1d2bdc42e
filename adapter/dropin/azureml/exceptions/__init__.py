"""v1's ``azureml.exceptions``, by amlflow."""

from amlflow.exceptions import *
from amlflow.exceptions import __all__ as __all__
