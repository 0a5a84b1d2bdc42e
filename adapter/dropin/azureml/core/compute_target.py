"""v1's ``azureml.core.compute_target``, by amlflow."""

from amlflow.exceptions import ComputeTargetException

__all__ = ["ComputeTargetException"]
