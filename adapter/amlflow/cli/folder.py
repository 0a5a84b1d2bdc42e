"""``folder attach``: a folder becomes a project of a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from amlflow.cli.checks import checking_values
from amlflow.cli.scope import Where
from amlflow.core.arguments import check_experiment_name
from amlflow.core.project.attach import attach_folder
from amlflow.exceptions import UserErrorException


def attach(**where: Any) -> dict[str, Any]:
    """Attach the folder at ``--path``, and print v1's four names."""
    scope = Where(**where)
    try:
        workspace = attach_folder(
            Path(scope.path),
            workspace_name=scope.workspace_name,
            resource_group=scope.resource_group,
            subscription_id=scope.subscription_id,
            experiment_name=scope.experiment_name,
        )
    except UserErrorException:
        if scope.experiment_name is not None:
            with checking_values():
                check_experiment_name(scope.experiment_name)
        raise
    return {
        "Experiment name": scope.named_experiment(),
        "Subscription id": workspace.subscription_id,
        "Resource group": workspace.resource_group,
        "Workspace name": workspace.name,
    }
