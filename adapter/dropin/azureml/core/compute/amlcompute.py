"""v1's ``azureml.core.compute.amlcompute``, by amlflow."""

from amlflow.core.compute.compute_target import AmlCompute

__all__ = ["AmlCompute"]
