"""Names of v1 that amlflow does not have, each with the reason and the nearest way."""

from __future__ import annotations

import sys
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

MODULES = {
    "azureml.automl": "automated ML is Azure's; mlflow.autolog() logs a library's own search",
    "azureml.contrib": "it is Azure's",
    "azureml.core.authentication": (
        "there is no signing in to Azure; MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, "
        "or MLFLOW_TRACKING_TOKEN, say who you are"
    ),
    "azureml.core.dataset": _DATA,
    "azureml.core.datastore": _DATA,
    "azureml.core.image": _SERVING,
    "azureml.core.keyvault": ABSENT["Keyvault"],
    "azureml.core.model": ABSENT["Model"],
    "azureml.core.webservice": _SERVING,
    "azureml.data": _DATA,
    "azureml.pipeline": "pipelines are Azure's; run.submit_child() runs one script from another",
    "azureml.train": "estimators and sweeps are Azure's; submit a ScriptRunConfig for each",
    "azureml.widgets": "run.get_portal_url() opens the run in MLflow's page",
}


class _Finder:
    """Comes last on ``sys.meta_path``, so it is asked only for what nobody else has."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name in MODULES:
            raise ModuleNotFoundError(f"amlflow has no {name}: {MODULES[name]}.", name=name)


def explain_modules() -> None:
    """From now on, importing a module of v1 that is not here says why."""
    if not any(type(finder).__name__ == "_Finder" for finder in sys.meta_path):
        sys.meta_path.append(_Finder())


def refuse(name: str) -> NoReturn:
    """Raise for a name of ``azureml.core``: ImportError if v1 has it, else AttributeError."""
    if name in ABSENT:
        raise ImportError(f"amlflow has no azureml.core.{name}: {ABSENT[name]}.", name=name)
    raise AttributeError(f"module 'azureml.core' has no attribute {name!r}")
