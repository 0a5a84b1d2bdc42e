"""v1's ``azureml.exceptions._azureml_exception``: some scripts import the names from here."""

from amlflow.exceptions import *
from amlflow.exceptions import __all__ as __all__
