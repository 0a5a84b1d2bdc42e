"""Members of v1's classes that amlflow does not have, each with the nearest alternative.

Reading one raises an AttributeError, so ``hasattr`` is False, and ``getattr`` returns its default.
"""

from __future__ import annotations

from typing import Any, NoReturn

from amlflow.core.absent.names import CLUSTERS, DATA, PARALLEL_TASKS, SERVING, SPARK
from amlflow.exceptions import UserErrorException

_IN_A_SCRIPT = (
    "Run.get_context() has it in a submitted script; from outside, get_details()['inputDatasets'] "
    "and ['outputDatasets'] say which data a run has used"
)
_DATASETS = f"{DATA}; its path can be an argument of the script"
_OLD_DATASET = "the data sets that Dataset.File and Dataset.Tabular make have its place since 2019"
_OLD_MEMBERS = (
    "archive", "compare_profiles", "create_snapshot", "definition",
    "definition_version", "delete_snapshot", "deprecate", "description", "diff", "generate_profile",
    "get_all_snapshots", "get_definition", "get_definitions", "get_profile", "get_snapshot", "head",
    "id", "is_visible", "name", "reactivate", "register", "sample", "state", "tags",
    "to_pandas_dataframe", "to_spark_dataframe", "update", "update_definition", "workspace",
)  # fmt: skip
_FRAME = "read with pandas and keep the rows with Dataset.Tabular.register_pandas_dataframe()"
_METADATA = (
    "amlflow chooses files by their paths, as in Dataset.File.from_files((datastore, '2024/*.csv'))"
)
_QUOTAS = (
    "amlflow makes no clusters in Azure, so there are no quotas and no virtual machines to count"
)
_DEFAULTS = "a new CondaDependencies names no packages"
_ANY_PACKAGE = "add_pip_package() and add_conda_package() take any package"
_INSTALLS = "amlflow installs no packages; name the Python that has them"
_REGISTERED = "amlflow keeps no environments, so they have no ids"

MEMBERS = {
    "AbstractAuthentication": {
        "signed_session": "give get_authentication_header() to the session's headers",
    },
    "AmlCompute": {
        "add_identity": "a target has no identities in Azure",
        "get": "ComputeTarget(workspace, name) opens one",
        "list_quotas": _QUOTAS,
        "list_usages": _QUOTAS,
        "remove_identity": "a target has no identities in Azure",
        "update_quotas": _QUOTAS,
    },
    "ComputeInstance": {
        "get": "ComputeTarget(workspace, name) opens one",
        "get_docs_url": "amlflow's page docs/compute.md says what a target has",
        "update_sso_settings": "a target has no users of its own",
    },
    "ComputeTarget": {"deserialize": "ComputeTarget(workspace, name) opens one"},
    "CondaDependencies": {
        "DEFAULT_NUMBER_OF_CONDA_PACKAGES": _DEFAULTS,
        "DEFAULT_NUMBER_OF_PIP_PACKAGES": _DEFAULTS,
        "add_cntk_package": _ANY_PACKAGE,
        "add_tensorflow_conda_package": _ANY_PACKAGE,
        "add_tensorflow_pip_package": _ANY_PACKAGE,
        "get_default_number_of_packages": _DEFAULTS,
        "sdk_origin_url": "packages come from where pip and conda look",
    },
    "DockerSection": {
        "gpu_support": "pass '--gpus=all' in docker.arguments",
        "platform": "the image says what it runs on",
    },
    "Dataset": {
        **dict.fromkeys(_OLD_MEMBERS, _OLD_DATASET),
        "from_binary_files": "Dataset.File.from_files() takes files of any kind",
        "from_excel_files": _FRAME,
        "from_pandas_dataframe": "Dataset.Tabular.register_pandas_dataframe() takes a data frame",
        "from_sql_query": _FRAME,
    },
    "Environment": {
        "asset_id": _REGISTERED,
        "databricks": SPARK,
        "inferencing_stack_version": SERVING,
        "r": "R is not run as a script; a command can be Rscript",
    },
    "FileDataset": {
        "file_metadata": _METADATA,
        "filter": _METADATA,
    },
    "OutputTabularDatasetConfig": {
        "random_split": "register the output, and use random_split() on the registered data set",
    },
    "TabularDataset": {
        "download": "to_pandas_dataframe() reads the rows; Dataset.File downloads files",
        "get_profile_runs": "amlflow makes no profiles; DataFrame.describe() describes the columns",
        "mount": "to_pandas_dataframe() reads the rows; Dataset.File mounts files",
    },
    "Run": {"input_datasets": _IN_A_SCRIPT, "output_datasets": _IN_A_SCRIPT},
    "Model": {
        "deploy": SERVING,
        "get_sas_urls": "model.download() gets the files, which are in the tracker",
        "package": SERVING,
        "print_configuration": SERVING,
        "profile": SERVING,
    },
    "RunConfiguration": {
        "auto_cluster_compute_specification": CLUSTERS,
        "auto_prepare_environment": _INSTALLS,
        "datacaches": _DATASETS,
        "hdi": SPARK,
        "kubernetescompute": CLUSTERS,
        "paralleltask": PARALLEL_TASKS,
        "priority": "jobs of a target run in the order in which they were submitted",
        "services": "amlflow starts no services beside a script",
        "source_directory_data_store": _DATASETS,
        "spark": SPARK,
    },
}
"""For each class of v1: the absent members, with the nearest alternative."""


class AbsentMember(UserErrorException, AttributeError):
    """amlflow's object does not have this member."""


def refuse_member(owner: type, name: str, otherwise: str | None = None) -> NoReturn:
    """Raise an error for an absent member. For a member of v1, it names the nearest alternative."""
    for ancestor in owner.__mro__:
        instead = MEMBERS.get(ancestor.__name__, {}).get(name, otherwise)
        if instead is not None:
            raise AbsentMember(f"{owner.__name__} has no {name!r} in amlflow: {instead}.")
    raise AttributeError(f"{owner.__name__!r} object has no attribute {name!r}")


class ExplainsAbsent(type):
    """A metaclass: the class itself also explains which members it does not have."""

    def __getattr__(cls, name: str) -> NoReturn:
        refuse_member(cls, name)


class Absent:
    """Stands for an absent member. Reading it from an object or from the class raises an error."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> NoReturn:
        refuse_member(owner, self._name)
