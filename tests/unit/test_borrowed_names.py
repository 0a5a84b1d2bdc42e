"""Names that v1's modules import from other modules. Code imports them from there, too."""

from __future__ import annotations

from importlib import import_module

import pytest

BORROWED = {
    "azureml.core.authentication": "UserErrorException",
    "azureml.core.compute.amlcompute": "ComputeTarget ComputeTargetException",
    "azureml.core.compute.computeinstance": "AuthenticationException ComputeTargetException",
    "azureml.core.dataset": "FileEncoding PromoteHeadersBehavior SkipLinesBehavior",
    "azureml.core.experiment": "ComputeInstance DEFAULT_GPU_IMAGE UserErrorException",
    "azureml.core.model": (
        "AksCompute ContainerRegistry Dataset Environment Experiment FileDataset TabularDataset "
        "ModelNotFoundException WebserviceException get_run"
    ),
    "azureml.core.run": (
        "AbstractDataset ActivityFailedException DataPath Datastore Environment "
        "ExperimentExecutionException RunStatus SnapshotException"
    ),
    "azureml.core.runconfig": (
        "ComputeTarget DatasetConsumptionConfig Run RunConfigurationException UserErrorException"
    ),
    "azureml.core.script_run_config": (
        "Data DataPath DataPathComputeBinding DockerConfiguration MpiConfiguration "
        "PyTorchConfiguration RunConfiguration TensorflowConfiguration"
    ),
    "azureml.core.workspace": (
        "AmlCompute ComputeTarget Dataset Image InteractiveLoginAuthentication Model "
        "ProjectSystemException Webservice WorkspaceException"
    ),
    "azureml.data.abstract_dataset": (
        "DatasetConsumptionConfig FileDatasetFactory TabularDatasetFactory"
    ),
    "azureml.data.azure_storage_datastore": "AbstractDatastore DataReference",
    "azureml.data.dataset_factory": (
        "AbstractDatastore DataPath DataReference PromoteHeadersBehavior UserErrorException"
    ),
    "azureml.data.tabular_dataset": "AbstractDataset DatasetTimestampMissingError FileDataset",
}
HOMES = (
    "azureml.core", "azureml.exceptions", "azureml.core.runconfig", "azureml.core.compute",
    "azureml.core.authentication", "azureml.data", "azureml.data.abstract_dataset",
    "azureml.data.abstract_datastore", "azureml.data.data_reference", "azureml.data.datapath",
    "azureml.data.dataset_consumption_config", "azureml.data.dataset_error_handling",
    "azureml.data.dataset_factory", "azureml.data.dataset_type_definitions",
    "azureml._restclient.constants",
)  # fmt: skip
"""The first of these modules that has a name is where v1's documentation has it."""


@pytest.mark.parametrize("module", BORROWED)
def test_a_name_is_the_same_object_as_at_home(module: str) -> None:
    homes = [home for home in map(import_module, HOMES) if home.__name__ != module]
    for name in BORROWED[module].split():
        home = next(home for home in homes if name in vars(home))
        assert getattr(import_module(module), name) is getattr(home, name), (name, home.__name__)
