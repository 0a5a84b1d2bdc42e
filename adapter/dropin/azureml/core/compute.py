"""v1's ``azureml.core.compute``, by amlflow."""

from amlflow.core.compute_target import ComputeTarget

__all__ = ["ComputeTarget"]
