"""Commands of other tools that amlflow does not have, each with the nearest way.

The names are those of azure-cli-ml, the extension of the Azure CLI for v1, of the extension for the
second version, and of MLflow.
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
_JOBS = (
    "jobs in the YAML of Azure ML's second version are not read; "
    "`amlflow run submit-script -e EXPERIMENT SCRIPT` submits a script"
)
_FILES = (
    "`run.get_file_names()` in Python lists the files of a run, and `amlflow run download -r "
    "RUN_ID` writes them into a folder"
)
_AGAIN = (
    "`amlflow run download -r RUN_ID --only snapshot` writes the files of a run, and `amlflow run "
    "submit-script` submits them again"
)
_USERS = (
    "a server with users takes MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
    "MLFLOW_TRACKING_TOKEN, from the environment"
)
_LIFE = "a data set is there or not; `amlflow dataset unregister -n NAME` removes it"

_REASONS = {
    "artifacts list": _FILES,
    "artifacts log-artifact": "`run.upload_file(NAME, PATH)` in Python stores a file in a run",
    "artifacts log-artifacts": "`run.upload_folder(NAME, PATH)` in Python stores a folder in a run",
    "batch-deployment": SERVING,
    "batch-endpoint": SERVING,
    "component": _PIPELINES,
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
    "db": "`mlflow db upgrade ADDRESS` upgrades the tables of a database",
    "deployments": SERVING,
    "endpoint": SERVING,
    "experiments csv": "`amlflow run list -e EXPERIMENT -o csv` prints its last runs as CSV",
    "gc": "`mlflow gc` removes deleted runs for good",
    "job create": _JOBS,
    "job validate": _JOBS,
    "login": _USERS,
    "model deploy": SERVING,
    "model package": SERVING,
    "model profile": SERVING,
    "model serve": SERVING,
    "models build-docker": SERVING,
    "models predict": SERVING,
    "models serve": SERVING,
    "online-deployment": SERVING,
    "online-endpoint": SERVING,
    "pipeline": _PIPELINES,
    "run artifacts": _FILES,
    "run clone": _AGAIN,
    "run files": _FILES,
    "run list-files": _FILES,
    "run rename": "`run.display_name = NAME` in Python renames a run",
    "run rerun": _AGAIN,
    "run resume": _AGAIN,
    "run retry": _AGAIN,
    "run submit-hyperdrive": _SWEEPS,
    "run submit-pipeline": _PIPELINES,
    "schedule": _PIPELINES,
    "service": SERVING,
    "whoami": _USERS,
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
    """Why a command of another tool is not there, and what is; None if none is known."""
    words = [word for word in line if not word.startswith("-")]
    for count in (2, 1):
        command = " ".join(words[:count])
        if command in _REASONS:
            return f"amlflow has no command '{command}': {_REASONS[command]}."
    return None
