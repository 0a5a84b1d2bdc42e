"""v1's ``azureml.core.compute.computeinstance``, by amlflow."""

from amlflow.core.compute.compute_target import ComputeInstance, ComputeTarget
from amlflow.exceptions import AuthenticationException, ComputeTargetException

__all__ = [
    "AuthenticationException",
    "ComputeInstance",
    "ComputeTarget",
    "ComputeTargetException",
]
