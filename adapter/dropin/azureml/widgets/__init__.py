"""v1's ``azureml.widgets``, by amlflow."""

from amlflow.dropin import stand_aside as _stand_aside

_stand_aside(__name__)

from amlflow.core.widgets.run_details import RunDetails  # noqa: E402

__all__ = ["RunDetails"]
