"""v1's ``azureml.exceptions``, by amlflow."""

from amlflow.dropin import stand_aside as _stand_aside

_stand_aside(__name__)

from amlflow.exceptions import *  # noqa: E402
from amlflow.exceptions import __all__ as __all__  # noqa: E402
