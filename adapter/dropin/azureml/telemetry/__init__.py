"""v1's ``azureml.telemetry``, by amlflow."""

from typing import Any as _Any

from amlflow.dropin import stand_aside as _stand_aside

_stand_aside(__name__)

from amlflow.core.absent.names import refuse as _refuse  # noqa: E402
from amlflow.core.telemetry import set_diagnostics_collection  # noqa: E402

__all__ = ["set_diagnostics_collection"]


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
