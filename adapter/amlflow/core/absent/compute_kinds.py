"""v1's kinds of compute that only Azure has. You can import them; using one raises an error.

Code imports them together with ``ComputeTarget`` and ``AmlCompute``, for a part that deploys a
model or runs Spark. No target is of such a kind, so ``isinstance`` is False.
"""

from __future__ import annotations

from typing import Any

from amlflow.core.absent.names import CLUSTERS
from amlflow.core.absent.refusing import Refusing
from amlflow.exceptions import ComputeTargetException


class OtherCompute(metaclass=Refusing):
    """A kind of compute that only Azure has."""

    reason = CLUSTERS

    def __init__(self, workspace: Any, name: str) -> None:
        """Raise ComputeTargetException: no target is of this kind."""
        raise ComputeTargetException(
            f"Compute target {name!r} is not a {type(self).__name__}: {CLUSTERS}."
        )


class AdlaCompute(OtherCompute):
    """Azure Data Lake Analytics, which amlflow cannot use."""


class AksCompute(OtherCompute):
    """Azure Kubernetes Service, which amlflow cannot use."""


class BatchCompute(OtherCompute):
    """Azure Batch, which amlflow cannot use."""


class DataFactoryCompute(OtherCompute):
    """Azure Data Factory, which amlflow cannot use."""


class DatabricksCompute(OtherCompute):
    """Azure Databricks, which amlflow cannot use."""


class DsvmCompute(OtherCompute):
    """Azure's Data Science Virtual Machine, which amlflow cannot use."""


class HDInsightCompute(OtherCompute):
    """Azure HDInsight, which amlflow cannot use."""


class KubernetesCompute(OtherCompute):
    """A Kubernetes cluster attached in Azure, which amlflow cannot use."""


class KustoCompute(OtherCompute):
    """Azure Data Explorer, which amlflow cannot use."""


class RemoteCompute(OtherCompute):
    """A machine that Azure reaches by SSH, which amlflow cannot use."""


class SynapseCompute(OtherCompute):
    """A Spark pool of Azure Synapse, which amlflow cannot use."""
