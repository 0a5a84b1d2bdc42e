"""v1's ``azureml.exceptions._azureml_exception``, from which scripts import, too."""

from amlflow.exceptions import *
from amlflow.exceptions import __all__ as __all__
