"""v1's commands that amlflow does not have, each with the nearest way.

The names are those of azure-cli-ml, the extension of the Azure CLI for v1.
"""

from __future__ import annotations

from collections.abc import Sequence

from amlflow.core.absent.names import MODULES, SERVING

_SWEEPS = MODULES["azureml.train.hyperdrive"]
_PIPELINES = MODULES["azureml.pipeline"]
_WORKSPACES = (
    "a workspace is a name for a tracking store; `amlflow folder attach -w NAME` gives a folder "
    "one, and `amlflow workspace list` lists them"
)
_STORES = "`amlflow datastore attach -n NAME --address ADDRESS` takes every kind of storage"
_DATABASES = "datastores are storages of files; a database is read by its own client"
_LIFE = "a data set is there or not; `amlflow dataset unregister -n NAME` removes it"

_REASONS = {
    "computetarget get-credentials": "`amlflow computetarget show -n NAME` prints all of a target",
    "dataset archive": _LIFE,
    "dataset deprecate": _LIFE,
    "dataset reactivate": _LIFE,
    "datastore attach-adls": _STORES,
    "datastore attach-adls-gen2": _STORES,
    "datastore attach-blob": _STORES,
    "datastore attach-dbfs": _STORES,
    "datastore attach-file": _STORES,
    "datastore attach-mssqldb": _DATABASES,
    "datastore attach-mysqldb": _DATABASES,
    "datastore attach-psqldb": _DATABASES,
    "datastore show": "`amlflow datastore list` prints all of each datastore",
    "datastore show-default": "`amlflow datastore list` tells which one is the default",
    "endpoint": SERVING,
    "model deploy": SERVING,
    "model package": SERVING,
    "model profile": SERVING,
    "pipeline": _PIPELINES,
    "run submit-hyperdrive": _SWEEPS,
    "run submit-pipeline": _PIPELINES,
    "service": SERVING,
    "workspace create": _WORKSPACES,
    "workspace delete": _WORKSPACES,
    "workspace list-keys": _WORKSPACES,
    "workspace private-endpoint": _WORKSPACES,
    "workspace share": _WORKSPACES,
    "workspace sync-keys": _WORKSPACES,
    "workspace update": _WORKSPACES,
    "workspace update-dependencies": _WORKSPACES,
}


def why_absent(line: Sequence[str]) -> str | None:
    """Why a command of v1 is not there, and what is; None if v1 has no such command."""
    words = [word for word in line if not word.startswith("-")]
    for count in (2, 1):
        command = " ".join(words[:count])
        if command in _REASONS:
            return f"amlflow has no command '{command}': {_REASONS[command]}."
    return None
