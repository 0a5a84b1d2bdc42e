"""v1's ``azureml.core.compute.computeinstance``, by amlflow."""

from amlflow.core.compute.compute_target import ComputeInstance

__all__ = ["ComputeInstance"]
