"""This machine as a compute target: a script runs with this Python or with another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from amlflow.spec import hookimpl

if TYPE_CHECKING:
    from amlflow.spec import Compute

amlflow_spec = 1
check_kind = "local"


@hookimpl
def amlflow_compute(kind: str, settings: Mapping[str, Any]) -> Compute | None:
    """Accept the kind ``local``. Its setting ``python`` is the path of an interpreter."""
    if kind != "local":
        return None
    # Only a process that opens such a compute target needs it.
    from amlflow_local.local import LocalCompute

    return LocalCompute(settings)
