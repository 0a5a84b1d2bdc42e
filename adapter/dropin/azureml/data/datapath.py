"""v1's ``azureml.data.datapath``, by amlflow."""

from amlflow.core.data.datapath import DataPath, DataPathComputeBinding, DataReference

__all__ = [
    "DataPath",
    "DataPathComputeBinding",
    "DataReference",
]
