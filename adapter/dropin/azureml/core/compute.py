"""v1's ``azureml.core.compute``, by amlflow."""

from amlflow.core.compute_target import AmlCompute, ComputeTarget

__all__ = ["AmlCompute", "ComputeTarget"]
