"""Wrong arguments raise v1's classes of errors, as azureml-core 1.61 raises them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from azureml.core import Dataset, Datastore
from azureml.core.authentication import TokenAuthentication
from azureml.core.compute import ComputeInstance
from azureml.core.runconfig import DataReferenceConfiguration, RunConfiguration
from azureml.data import OutputFileDatasetConfig
from azureml.data.datapath import DataPath
from azureml.data.dataset_factory import DataType
from azureml.exceptions import AuthenticationException, UserErrorException


def make_table() -> Any:
    return Dataset.Tabular.from_delimited_files("none.csv", validate=False)


@pytest.mark.parametrize(
    "call",
    [
        lambda: DataPath(),
        lambda: DataPath(None, "x"),
        lambda: DataPath("store", "x"),
        lambda: OutputFileDatasetConfig("a").register_on_complete(""),
        lambda: OutputFileDatasetConfig("a").register_on_complete(None),
        lambda: make_table().take(-1),
        lambda: make_table().take("x"),
        lambda: make_table().random_split(1.5),
        lambda: make_table().drop_columns(None),
        lambda: make_table().keep_columns([5]),
        lambda: DataType.to_float("x"),
        lambda: Dataset.Tabular.register_pandas_dataframe("x", None, "n"),
        lambda: Dataset.Tabular.register_pandas_dataframe(pd.DataFrame(), None, "n"),
        lambda: Dataset.File.upload_directory(".", None),
    ],
)
def test_a_wrong_value(call: Callable[[], Any], folder: Path) -> None:
    with pytest.raises(ValueError) as caught:
        call()
    assert isinstance(caught.value, UserErrorException)


@pytest.mark.parametrize(
    "call",
    [
        lambda: Dataset.Tabular.from_delimited_files(("a.csv", "b.csv"), validate=False),
        lambda: Dataset.Tabular.from_delimited_files("a.csv", False, partition_format=5),
        lambda: Dataset.Tabular.from_delimited_files("a.csv", False, partition_format="/a/b"),
        lambda: Dataset.File.from_files("a", validate=False, partition_format="/a/b"),
        lambda: Dataset.File.from_files("a", False, partition_format="/{a}/" + "*" * 32),
        lambda: Dataset.Tabular.from_parquet_files(
            "a", validate=False, set_column_types={5: DataType.to_long()}
        ),
        lambda: make_table().get_partition_key_values(),
        lambda: Dataset.File.from_files("a", validate=False).download(5),
        lambda: Dataset.File.from_files("a", validate=False).mount(5),
        lambda: Datastore.register_azure_blob_container(None, "n", "c", "a"),
    ],
)
def test_an_argument_of_another_kind(call: Callable[[], Any]) -> None:
    with pytest.raises(UserErrorException):
        call()


@pytest.mark.parametrize("function", [None, "token"])
def test_a_token_of_no_function(function: Any) -> None:
    with pytest.raises(AuthenticationException, match="is not a function"):
        TokenAuthentication(function)


@pytest.mark.parametrize("token", [None, 5, b"secret"])
def test_a_token_that_is_not_a_text(token: Any) -> None:
    with pytest.raises(AuthenticationException, match=type(token).__name__) as caught:
        TokenAuthentication(lambda audience: token).get_authentication_header()
    assert "secret" not in str(caught.value)


def test_names_and_defaults_that_v1_gives() -> None:
    assert OutputFileDatasetConfig("").name.startswith("output_")
    assert RunConfiguration().communicator == "None"
    assert ComputeInstance.provisioning_configuration().vm_size == "Standard_DS3_V2"
    reference = DataReferenceConfiguration("store", path_on_datastore="a")
    reference.data_store_name += "2"
    reference.path_on_data_store += "/b"
    assert (reference.datastore_name, reference.path_on_datastore) == ("store2", "a/b")
