"""The program that tries every operation on old servers leaves none out."""

from __future__ import annotations

import ast

from amlflow.cli.commands import COMMANDS
from amlflow.core.absent.members import MEMBERS
from amlflow.core.absent.workspace_members import AzureOnly
from azureml.core import Dataset, Datastore, Environment, Experiment, Model, Run, Workspace
from azureml.data import FileDataset, TabularDataset
from azureml.data.azure_storage_datastore import AzureBlobDatastore
from helpers.sources import ROOT

OPERATIONS = ROOT / "tests" / "helpers" / "operations"
CLASSES = (
    AzureBlobDatastore, Dataset, Dataset.File, Dataset.Tabular, Datastore, Environment, Experiment,
    FileDataset, Model, Run, TabularDataset, Workspace,
)  # fmt: skip
READ_WITHOUT_A_TRACKER = {
    "AzureBlobDatastore": {"account_name", "address", "as_download", "as_mount", "as_upload",
                           "container_name", "is_sas", "path", "protocol"},
    "Experiment": {"get_docs_url", "identity", "portal_url", "workspace", "workspace_object"},
    "FileDataset": {"description", "id", "name", "partition_keys", "tags", "version"},
    "Model": {"Framework", "created_by", "created_time", "derived_model_ids", "description",
              "mime_type", "model_framework", "model_framework_version", "name", "parent_id",
              "properties", "resource_configuration", "sample_input_dataset",
              "sample_output_dataset", "tags", "unpack", "version", "workspace"},
    "Run": {"add_type_provider", "get_docs_url", "identity", "portal_url"},
    "TabularDataset": {"data_changed_time", "description", "id", "name", "partition_keys", "tags",
                       "timestamp_columns", "version"},
    "Workspace": {"discovery_url", "location", "name", "resource_group", "sku", "subscription_id"},
}  # fmt: skip
"""Attributes of what has been read, names, and links."""
ON_THIS_MACHINE = {
    "AzureBlobDatastore": {"set_as_default", "unregister"},
    "Datastore": {"register_azure_blob_container", "register_azure_data_lake",
                  "register_azure_data_lake_gen2", "register_azure_file_share", "register_dbfs",
                  "set_as_default", "unregister"},
    "Environment": {"build", "build_local", "clone", "from_conda_specification",
                    "from_docker_build_context", "from_docker_image", "from_dockerfile",
                    "from_existing_conda_environment", "from_pip_requirements",
                    "get_image_details", "load_from_directory", "save_to_directory"},
    "Workspace": {"delete"},
}  # fmt: skip
"""Operations that make or note something here."""
REFUSED_EVERYWHERE = {
    "Datastore": {"register_azure_my_sql", "register_azure_postgre_sql",
                  "register_azure_sql_database",  "register_hdfs"},
    "FileDataset": {"as_cache", "as_hdfs", "hydrate"},
    "Run": {"clean", "get_secret", "get_secrets"},
    "TabularDataset": {"get_profile", "partition_by", "submit_profile_run", "to_dask_dataframe",
                       "to_spark_dataframe"},
    "TabularDatasetFactory": {"from_sql_query", "register_dask_dataframe",
                              "register_spark_dataframe"},
}  # fmt: skip
IN_THE_SCRIPTS = {"Run": {"get_context", "get_submitted_run"}}
LIKE_ANOTHER = {
    "Dataset": {"File", "Scenario", "Tabular", "from_json_files", "from_parquet_files"},
    "FileDataset": {"File", "Tabular", "get_all", "get_by_id", "get_by_name",
                    "get_partition_key_values", "kinds"},
    "TabularDataset": {"File", "Tabular", "get_all", "get_by_id", "get_by_name",
                       "get_partition_key_values", "kinds"},
}  # fmt: skip
"""Operations whose work another one does, on the same calls of the tracker."""
REASONS = (
    READ_WITHOUT_A_TRACKER, ON_THIS_MACHINE, REFUSED_EVERYWHERE, IN_THE_SCRIPTS, LIKE_ANOTHER,
)  # fmt: skip
COMMANDS_ON_THIS_MACHINE = {"environment build"}


def tried() -> set[str]:
    """Return the names of operations that the program tries."""
    calls = [
        node
        for path in OPERATIONS.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    return {
        argument.value
        for call in calls
        if call.func.id in ("operation", "command")  # type: ignore[attr-defined]
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


def test_the_program_tries_each_member() -> None:
    names = tried()
    left_out = set()
    for owner in CLASSES:
        refused = {
            *MEMBERS.get(owner.__name__, ()),
            *(vars(AzureOnly) if owner is Workspace else ()),
        }
        left_out |= {
            f"{owner.__name__}.{name}"
            for name in dir(owner)
            if not name.startswith("_") and not name.isupper() and name not in refused
        } - names
    explained = [
        f"{owner}.{name}" for r in REASONS for owner, members in r.items() for name in members
    ]
    assert sorted(left_out) == sorted(explained)


def test_the_program_tries_each_command() -> None:
    assert set(COMMANDS) - tried() == COMMANDS_ON_THIS_MACHINE
