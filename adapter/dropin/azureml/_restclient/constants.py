"""v1's ``azureml._restclient.constants``, by amlflow."""

from amlflow.core.runs.status import RunStatus

__all__ = ["RunStatus"]
