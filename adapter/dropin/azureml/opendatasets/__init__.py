"""v1's ``azureml.opendatasets``: each name raises an error that says where its files are."""

from typing import Any as _Any

from amlflow.dropin import stand_aside as _stand_aside

_stand_aside(__name__)

from amlflow.core.absent.names import refuse as _refuse  # noqa: E402


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
