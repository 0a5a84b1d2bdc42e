"""v1's ``azureml.core.compute``, by amlflow."""

from typing import Any as _Any

from amlflow.core.absent.compute_kinds import (
    AdlaCompute,
    AksCompute,
    BatchCompute,
    DatabricksCompute,
    DataFactoryCompute,
    DsvmCompute,
    HDInsightCompute,
    KubernetesCompute,
    KustoCompute,
    RemoteCompute,
    SynapseCompute,
)
from amlflow.core.absent.names import refuse as _refuse
from amlflow.core.compute.compute_target import AmlCompute, ComputeInstance, ComputeTarget

__all__ = [
    "AdlaCompute",
    "AksCompute",
    "AmlCompute",
    "BatchCompute",
    "ComputeInstance",
    "ComputeTarget",
    "DataFactoryCompute",
    "DatabricksCompute",
    "DsvmCompute",
    "HDInsightCompute",
    "KubernetesCompute",
    "KustoCompute",
    "RemoteCompute",
    "SynapseCompute",
]


def __getattr__(name: str) -> _Any:
    _refuse(__name__, name)
