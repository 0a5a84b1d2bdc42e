"""v1's ``azureml.telemetry``, by amlflow."""

from amlflow.dropin import stand_aside

stand_aside(__name__)

from amlflow.core.telemetry import set_diagnostics_collection  # noqa: E402

__all__ = ["set_diagnostics_collection"]
