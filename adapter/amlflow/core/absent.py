"""Names of v1 that amlflow does not have, each with the reason and the nearest way."""

from __future__ import annotations

from typing import NoReturn

_DATA = (
    "data sets and datastores live in Azure; read the data by its path or address, and note it with"
    " mlflow.log_input()"
)
_SERVING = "serving is Azure's; `mlflow models serve` serves a model"

ABSENT = {
    "ContainerRegistry": "container registries are Azure's; name an image in your own registry",
    "Dataset": _DATA,
    "Datastore": _DATA,
    "Image": _SERVING,
    "Keyvault": "there is no key vault; read secrets from environment variables",
    "LinkedService": "linked services are Azure's; keep addresses in environment variables",
    "Model": "run.register_model() registers one, and mlflow.MlflowClient() finds them",
    "PrivateEndPoint": "a tracking server is protected by its own network",
    "PrivateEndPointConfig": "a tracking server is protected by its own network",
    "SynapseWorkspaceLinkedServiceConfiguration": "linked services are Azure's",
    "Webservice": _SERVING,
}


def refuse(name: str) -> NoReturn:
    """Raise for a name of ``azureml.core``: ImportError if v1 has it, else AttributeError."""
    if name in ABSENT:
        raise ImportError(f"amlflow has no azureml.core.{name}: {ABSENT[name]}.", name=name)
    raise AttributeError(f"module 'azureml.core' has no attribute {name!r}")
