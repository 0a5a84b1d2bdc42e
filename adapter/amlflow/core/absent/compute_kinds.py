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
    """See :class:`OtherCompute`."""


class AksCompute(OtherCompute):
    """See :class:`OtherCompute`."""


class BatchCompute(OtherCompute):
    """See :class:`OtherCompute`."""


class DataFactoryCompute(OtherCompute):
    """See :class:`OtherCompute`."""


class DatabricksCompute(OtherCompute):
    """See :class:`OtherCompute`."""


class DsvmCompute(OtherCompute):
    """See :class:`OtherCompute`."""


class HDInsightCompute(OtherCompute):
    """See :class:`OtherCompute`."""


class KubernetesCompute(OtherCompute):
    """See :class:`OtherCompute`."""


class KustoCompute(OtherCompute):
    """See :class:`OtherCompute`."""


class RemoteCompute(OtherCompute):
    """See :class:`OtherCompute`."""


class SynapseCompute(OtherCompute):
    """See :class:`OtherCompute`."""
