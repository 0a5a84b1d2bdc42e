"""v1's ``azureml.data.tabular_dataset``, by amlflow."""

from amlflow.core.data.tabular_dataset import TabularDataset

__all__ = ["TabularDataset"]
