"""Names of v1 that amlflow does not have, each with the reason and the nearest alternative."""

from __future__ import annotations

import sys
from types import FrameType, ModuleType
from typing import NoReturn

from amlflow.core.absent.open_datasets import OPEN_DATASETS

DATA = (
    "a script gets its data by its arguments or inputs, such as "
    "dataset.as_named_input('data').as_mount(), and read by Dataset or fsspec"
)
SERVING = (
    "serving is Azure's; `mlflow models serve` serves a model that mlflow's functions logged, and "
    "Model.get_model_path() gives the files of any model to a server of yours"
)

PARALLEL_TASKS = (
    "amlflow has no list of tasks for workers; submit a child run for each, or start the processes "
    "with MpiConfiguration"
)
CLUSTERS = (
    "amlflow makes no clusters in Azure; declare what is there in .azureml/compute.yaml, and "
    "ComputeTarget(workspace, name) finds it"
)
SPARK = "Spark and Hadoop clusters are not submitted to; a command can be spark-submit"
_R = "R is not run as a script; a command can be Rscript"

_OF_CORE = {
    **dict.fromkeys(
        (
            "attach_legacy_compute_target",
            "is_compute_target_prepared",
            "prepare_compute_target",
            "remove_legacy_compute_target",
        ),
        CLUSTERS,
    ),
    "diagnostic_log": "the logger 'amlflow' of logging has amlflow's messages",
    "Keyvault": "amlflow has no key vault; read secrets from environment variables",
    "LinkedService": "linked services are Azure's; keep addresses in environment variables",
    "PrivateEndPoint": "a tracking server is protected by its own network",
    "PrivateEndPointConfig": "a tracking server is protected by its own network",
    "ScriptRun": "a submitted run is a Run",
    "SynapseWorkspaceLinkedServiceConfiguration": "linked services are Azure's",
}
_OUTPUTS = "OutputFileDatasetConfig in the arguments of ScriptRunConfig describes an output"
_PLACES = "Data(DataLocation(dataset=Dataset(dataset_id=dataset.id))) names the data of a run"
_IMAGES = "the image says what it runs on"
_OF_ENVIRONMENT = {
    "DockerImageDetails": "environment.get_image_details(workspace) returns them as a dict",
    "DockerImagePlatform": _IMAGES,
    "EnvironmentReference": "Environment.get(workspace, name, version) opens one",
    "ImageBuildDetails": "environment.build(workspace) returns them",
    "RCranPackage": _R,
    "RGitHubPackage": _R,
    "RSection": _R,
    "DatabricksSection": SPARK,
    "SparkEnvironment": SPARK,
    "SparkPackage": SPARK,
}
_OF_RUNCONFIG = {
    **dict.fromkeys(
        (
            "DatabricksCluster",
            "DatabricksEnvironment",
            "DatabricksSection",
            "EggLibrary",
            "JarLibrary",
            "MavenLibrary",
            "PyPiLibrary",
            "RCranLibrary",
            "SparkEnvironment",
        ),
        SPARK,
    ),
    "AbstractComputeTarget": "ComputeTarget(workspace, name) opens a compute target",
    "ApplicationEndpointConfiguration": "amlflow starts no services beside a script",
    "AzureContainerRegistry": "ContainerRegistry names the registry of an image",
    "DataPath": _PLACES,
    "DatacacheConfiguration": DATA,
    "DatasetRegistrationOptions": _OUTPUTS,
    "GlobsOptions": _OUTPUTS,
    "HdiConfiguration": SPARK,
    "KubernetesComputeConfiguration": CLUSTERS,
    "MountOptions": _OUTPUTS,
    "OutputData": DATA,
    "OutputOptions": DATA,
    "RCranPackage": _R,
    "RSection": _R,
    "RegistrationOptions": _OUTPUTS,
    "SparkConfiguration": SPARK,
    "UploadOptions": _OUTPUTS,
    "Uri": _PLACES,
}
_OF_OUTPUTS = {
    "HDFSOutputDatasetConfig": SPARK,
    "LinkFileOutputDatasetConfig": _OUTPUTS,
    "LinkTabularOutputDatasetConfig": _OUTPUTS,
}
ABSENT = {
    "azureml.core": _OF_CORE,
    "azureml.core.image": {"UnknownImage": SERVING},
    "azureml.core.compute_target": {"LocalTarget": "compute_target='local' names this machine"},
    "azureml.core.container_registry": {
        "RegistryIdentity": "a ContainerRegistry has an address, a user name and a password",
    },
    "azureml.core.experiment": {
        "ViewType": "Experiment.list() takes its view_type as a text, such as 'ActiveOnly'"
    },
    "azureml.core.model": {"ModelPackage": SERVING},
    "azureml.core.webservice": {"UnknownWebservice": SERVING},
    "azureml.core.environment": _OF_ENVIRONMENT,
    "azureml.core.run": {
        "InputDatasets": "run.input_datasets has the inputs of a run by name",
        "OutputDatasets": "run.output_datasets has the folders of the outputs by name",
    },
    "azureml.core.authentication": {
        "AccessToken": "TokenAuthentication(get_token_for_audience) takes a token",
        "AzureMLTokenAuthentication": "TokenAuthentication(get_token_for_audience) takes a token",
    },
    "azureml.core.runconfig": _OF_RUNCONFIG,
    "azureml.data": {"DatacacheStore": DATA, **_OF_OUTPUTS},
    "azureml.data.dataset_type_definitions": {
        "FileType": "Dataset.Tabular has a function for each type of files",
        "HistogramCompareMethod": "pandas and scipy compare the columns of data frames",
    },
    "azureml.data.output_dataset_config": {
        **_OF_OUTPUTS,
        "MountOptions": _OUTPUTS,
        "RegistrationConfiguration": _OUTPUTS,
        "UploadOptions": _OUTPUTS,
    },
    "azureml.opendatasets": OPEN_DATASETS,
    "azureml.train.dnn": {
        "Chainer": "Estimator(…, pip_packages=['chainer']) is the same",
    },
    "azureml.telemetry": dict.fromkeys(
        ("INSTRUMENTATION_KEY", "get_telemetry_log_handler"), "amlflow sends nothing to Azure"
    ),
}
"""For each module: the absent names, with the reason and the nearest alternative."""

MODULES = {
    "azureml.automl": "automated ML is Azure's; mlflow.autolog() logs a library's own search",
    "azureml.contrib": "it is Azure's",
    "azureml.core.compute": (
        "azureml.core.compute has ComputeTarget and AmlCompute itself, and "
        "azureml.core.compute_target has ComputeTargetException"
    ),
    "azureml.core.databricks": SPARK,
    "azureml.core.image": SERVING,
    "azureml.core.keyvault": _OF_CORE["Keyvault"],
    "azureml.core.linked_service": _OF_CORE["LinkedService"],
    "azureml.core.private_endpoint": _OF_CORE["PrivateEndPoint"],
    "azureml.core.profile": SERVING,
    "azureml.core.script_run": _OF_CORE["ScriptRun"],
    "azureml.core.webservice": SERVING,
    "azureml.data": (
        "azureml.data has files and tables in datastores; databases, caches and Azure's own file "
        "systems are read by their own clients"
    ),
    "azureml.dataprep": DATA,
    "azureml.explain": "explanations are artifacts; mlflow.shap.log_explanation() logs one",
    "azureml.interpret": "explanations are artifacts; mlflow.shap.log_explanation() logs one",
    "azureml.fsspec": DATA,
    "azureml.mlflow": (
        "MLflow is the tracker here: mlflow.set_tracking_uri(workspace.get_mlflow_tracking_uri())"
    ),
    "azureml.pipeline": "pipelines are Azure's; run.submit_child() runs one script from another",
    "azureml.tensorboard": (
        "amlflow run monitor-tensorboard -r RUN_ID shows the event files of a run in TensorBoard"
    ),
    "azureml.train": (
        "azureml.train has estimator, dnn and sklearn; sweeps and automated ML are Azure's: submit "
        "a ScriptRunConfig for each"
    ),
    "azureml.train.automl": "automated ML is Azure's; mlflow.autolog() logs a library's own search",
    "azureml.train.hyperdrive": (
        "sweeps are Azure's; run.submit_child() submits a ScriptRunConfig for each set of arguments"
    ),
    "azureml._restclient.snapshots_client": (
        "AMLFLOW_SNAPSHOT_MAX_MB and AMLFLOW_SNAPSHOT_MAX_FILES say how large a snapshot may be"
    ),
}


class _Finder:
    """The last finder on ``sys.meta_path``: asked only for modules that no other finder has."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        # `importlib.util.find_spec` asks, too, and its answer for what is not here is None.
        if name.startswith("azureml.") and _is_imported_by(sys._getframe(1)):
            raise ModuleNotFoundError(_why(name), name=name)


def _is_imported_by(frame: FrameType) -> bool:
    """Whether this caller of a finder is the import system, asked by an import."""
    caller = frame.f_back
    return caller is not None and caller.f_code.co_name == "_find_and_load_unlocked"


def _why(name: str) -> str:
    parent = name
    while parent not in MODULES and parent:
        parent = parent.rpartition(".")[0]
    if parent:
        return f"amlflow has no {name}: {MODULES[parent]}."
    return (
        f"No module named {name!r}: amlflow has azureml.core and azureml.exceptions; another "
        "package's azureml modules work beside them where that package is installed."
    )


def explain_modules() -> None:
    """From now on, importing a module of v1 that amlflow does not have says why."""
    # Others' finders may have the same name, such as that of virtualenv.
    own = (_Finder.__module__, _Finder.__name__)
    if own not in [(type(finder).__module__, type(finder).__name__) for finder in sys.meta_path]:
        sys.meta_path.append(_Finder())


def refuse(module: str, name: str) -> NoReturn:
    """Raise for a name of a module: ImportError if v1 has it there, otherwise AttributeError."""
    instead = ABSENT.get(module, {}).get(name)
    if instead is not None:
        raise ImportError(f"amlflow has no {module}.{name}: {instead}.", name=name)
    raise AttributeError(f"module {module!r} has no attribute {name!r}")


def submodule(package: str, name: str) -> ModuleType:
    """A submodule as an attribute of its package, imported at the first access.

    Raises:
        ImportError: v1 has something of this name, and amlflow does not. The message says why.
        AttributeError: the submodule does not exist.
    """
    full = f"{package}.{name}"
    if not name.startswith("_") and name not in ABSENT.get(package, {}):
        # `import azureml.core` is near free, and imports this module.
        from importlib import import_module
        from importlib.util import find_spec

        if full in MODULES or find_spec(full) is not None:
            return import_module(full)
    refuse(package, name)
