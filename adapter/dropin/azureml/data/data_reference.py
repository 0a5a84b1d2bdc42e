"""v1's ``azureml.data.data_reference``, by amlflow."""

from amlflow.core.data.datapath import DataReference

__all__ = ["DataReference"]
