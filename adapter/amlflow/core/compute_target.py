"""Where scripts run: v1's ``azureml.core.compute``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlflow.exceptions import ComputeTargetException

if TYPE_CHECKING:
    from amlflow.core.workspace import Workspace

LOCAL = "local"


class ComputeTarget:
    """A compute target by its name. ``local`` is this machine and is always there."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        """Open a target that the workspace knows.

        Raises:
            ComputeTargetException: it knows none of this name.
        """
        if name != LOCAL:
            raise ComputeTargetException(
                f"There is no compute target {name!r} in workspace {workspace.name!r}; "
                f"the one that is there is {LOCAL!r}, this machine."
            )
        self.workspace = workspace
        self.name = name
        self.type = "local"

    def __repr__(self) -> str:
        return f"ComputeTarget(workspace={self.workspace!r}, name={self.name}, type={self.type})"
