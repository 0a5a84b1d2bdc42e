"""v1's ``azureml.widgets``, by amlflow."""

from amlflow.dropin import stand_aside

stand_aside(__name__)

from amlflow.core.widgets.run_details import RunDetails  # noqa: E402

__all__ = ["RunDetails"]
