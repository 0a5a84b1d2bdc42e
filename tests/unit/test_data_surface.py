"""Methods of v1's classes for data, models, compute and settings have v1's arguments.

``v1_arguments.json`` holds facts about azureml-core 1.61: for each class, its public members, and
for a method the names of its arguments in their order, each with its default as ``repr`` shows it.
"""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.data.data_type import PromoteHeadersBehavior
from helpers.v1_members import check_member

V1: dict[str, dict[str, list[str] | None]] = json.loads(
    (Path(__file__).parent / "v1_arguments.json").read_text(encoding="utf-8")
)
DELIBERATE = {
    # amlflow has classes of its own behind these names, and code does not make their objects.
    "Dataset.__init__", "Datastore.__init__", "FileDataset.__init__", "TabularDataset.__init__",
    "AbstractDataset.__init__", "AzureBlobDatastore.__init__", "AzureFileDatastore.__init__",
    "DataType.__init__", "OutputTabularDatasetConfig.__init__",
    # They are refused, whatever the arguments are.
    "Datastore.register_azure_my_sql", "Datastore.register_azure_postgre_sql",
    "Datastore.register_azure_sql_database", "TabularDatasetFactory.from_sql_query",
    "TabularDatasetFactory.register_dask_dataframe",
    "TabularDatasetFactory.register_spark_dataframe", "TabularDataset.partition_by",
    "TabularDataset.submit_profile_run", "TabularDataset.to_dask_dataframe",
    # Only the address is used, so Kerberos may be left out.
    "Datastore.register_hdfs",
    # Arguments of a cluster in Azure; a target of any class takes those of AmlCompute.
    "ComputeTarget.wait_for_completion", "ComputeInstance.wait_for_completion",
    # The Python of this process, not Azure's.
    "CondaDependencies.create",
}  # fmt: skip
"""Methods whose arguments differ from v1's, or that refuse each call."""
SAME = {repr(PromoteHeadersBehavior.ALL_FILES_HAVE_SAME_HEADERS): "True", "<factory>": "[]"}
"""Defaults that mean the same as v1's."""
OF_OBJECTS = {
    "RunConfiguration": {"auto_prepare_environment", "environment_variables"},
    "Environment": {"environment_variables"},
    "AzureBlobDatastore": {"datastore_type", "name", "workspace"},
    "AzureFileDatastore": {"datastore_type", "name", "workspace"},
}
"""Members that only objects have."""


def arguments_of(function: Callable[..., Any]) -> Iterator[str]:
    for parameter in inspect.signature(function).parameters.values():
        is_private = parameter.name == "self" or parameter.name.startswith("_")
        if is_private or parameter.kind in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        ):
            continue
        default = repr(parameter.default)
        has_default = parameter.default is not parameter.empty
        yield f"{parameter.name}={SAME.get(default, default)}" if has_default else parameter.name


@pytest.mark.parametrize("path", V1)
def test_the_arguments_of_a_class(path: str) -> None:
    module, _, name = path.rpartition(".")
    owner = getattr(importlib.import_module(module), name)
    for member, arguments in V1[path].items():
        if member in OF_OBJECTS.get(name, ()):
            continue
        check_member(owner, member)
        if arguments is None or not hasattr(owner, member) or f"{name}.{member}" in DELIBERATE:
            continue
        known = [
            f"{key}={SAME.get(default, default)}" if equals else key
            for key, equals, default in (argument.partition("=") for argument in arguments)
        ]
        ours = list(arguments_of(getattr(owner, member)))
        assert (member, ours[: len(known)]) == (member, known)


def test_what_differs_is_there() -> None:
    methods = {
        f"{path.rpartition('.')[2]}.{member}" for path, members in V1.items() for member in members
    }
    assert methods >= DELIBERATE
