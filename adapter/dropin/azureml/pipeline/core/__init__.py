"""v1's ``azureml.pipeline.core``: its names can be imported, but raise an error when used."""

from typing import Any as _Any

from amlflow.core.absent.sweeps_and_pipelines import refusing_class as _refusing_class


def __getattr__(name: str) -> _Any:
    return _refusing_class(__name__, name)
