"""v1's ``azureml._restclient.constants``, by amlflow."""

from amlflow.core.run_status import RunStatus

__all__ = ["RunStatus"]
