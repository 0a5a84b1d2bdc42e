"""v1's ``azureml.data.abstract_dataset``, by amlflow."""

from amlflow.core.data.dataset import AbstractDataset

__all__ = ["AbstractDataset"]
