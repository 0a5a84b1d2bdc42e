"""v1's ``azureml.core.compute.amlcompute``, by amlflow."""

from amlflow.core.compute.compute_target import AmlCompute, ComputeTarget
from amlflow.exceptions import ComputeTargetException

__all__ = [
    "AmlCompute",
    "ComputeTarget",
    "ComputeTargetException",
]
