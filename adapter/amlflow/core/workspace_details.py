"""The result of ``workspace.get_details()``, with v1's keys."""

from __future__ import annotations

import uuid
from typing import Any, NoReturn

from amlflow.core.store import WorkspaceBase

_TYPE = "Microsoft.MachineLearningServices/workspaces"


class WorkspaceDetails(dict[str, Any]):
    """The details of a workspace. Reading a key that only Azure has raises a KeyError that says so.

    As with any dict, ``in`` and ``get()`` work for such a key.
    """

    def __missing__(self, key: str) -> NoReturn:
        instead = _OF_DETAILS.get(key)
        if instead is None:
            raise KeyError(key)
        raise KeyError(f"get_details()[{key!r}]: only a workspace in Azure has this. {instead}")


_OF_DETAILS = {
    "applicationInsights": "run.log() keeps what a script measures.",
    "containerRegistry": "Name an image with its registry: environment.docker.base_image.",
    "identityPrincipalId": "Give the tracking server's users their rights there.",
    "identityTenantId": "Give the tracking server's users their rights there.",
    "identityType": "Give the tracking server's users their rights there.",
    "imageBuildCompute": "Build container images with docker.",
    "keyVault": "Read secrets from environment variables.",
    "storageAccount": "workspace.get_default_datastore() is where files are.",
}


def describe_workspace(workspace: WorkspaceBase, **details: Any) -> WorkspaceDetails:
    """Return the details of a workspace, with ``details`` added."""
    scope = f"/subscriptions/{workspace.subscription_id}/resourceGroups/{workspace.resource_group}"
    resource = f"{scope}/providers/{_TYPE}/{workspace.name}"
    return WorkspaceDetails(
        {
            "id": resource,
            "name": workspace.name,
            "workspaceid": str(uuid.uuid5(uuid.NAMESPACE_URL, resource)),
            "type": _TYPE,
            **details,
        }
    )
