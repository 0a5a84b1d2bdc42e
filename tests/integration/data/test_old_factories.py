"""The functions of Dataset that Dataset.Tabular has replaced, and small members of data sets."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.workspace import Workspace
from amlflow.exceptions import UserErrorException
from azureml.core import Dataset
from azureml.data.dataset_type_definitions import (
    FileEncoding,
    PromoteHeadersBehavior,
    SkipLinesBehavior,
)

Write = Callable[..., Path]


def test_arguments_by_position_have_v1s_order(folder: Path, write: Write) -> None:
    write("t.csv", "größe;b\n5;x\n".encode("latin-1"))
    headers = PromoteHeadersBehavior.ALL_FILES_HAVE_SAME_HEADERS
    table = Dataset.from_delimited_files("t.csv", ";", headers, FileEncoding.LATIN1)
    assert table.to_pandas_dataframe().to_dict("list") == {"größe": [5], "b": ["x"]}
    write("u.csv", 'a,b\n5,"x\ny"\n')
    table = Dataset.from_delimited_files("u.csv", quoting=True)
    assert table.to_pandas_dataframe()["b"].tolist() == ["x\ny"]
    write("t.json", '{"a": 5}\n')
    table = Dataset.from_json_files("t.json", FileEncoding.UTF8, False, True)
    assert list(table.to_pandas_dataframe()) == ["Path", "a"]
    assert Dataset.auto_read_files("u.csv", True).take(1).to_pandas_dataframe().shape == (1, 3)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (
            {"skip_rows": 3, "skip_mode": SkipLinesBehavior.FROM_ALL_FILES},
            "skip_rows and skip_mode",
        ),
        ({"comment": "#"}, "comment"),
        ({"archive_options": object()}, "archive_options"),
    ],
)
def test_what_the_old_functions_do_not_read(arguments: dict[str, Any], names: str) -> None:
    with pytest.raises(UserErrorException, match=f"amlflow does not use {names}. Read with pandas"):
        Dataset.from_delimited_files("t.csv", **arguments)


def test_nested_arrays(folder: Path) -> None:
    with pytest.raises(UserErrorException, match="does not use flatten_nested_arrays"):
        Dataset.from_json_files("t.json", flatten_nested_arrays=True)


def test_the_values_of_partitions(folder: Path, write: Write) -> None:
    for name in ("de/2024/a", "de/2024/b", "us/2023/a"):
        write(f"in/{name}.csv", "v\n1\n")
    pattern = "/{country}/{year:yyyy}/"
    for dataset in (
        Dataset.Tabular.from_delimited_files(
            "in/**/*.csv", partition_format=pattern + "{file}.csv"
        ),
        Dataset.File.from_files("in/**/*.csv", partition_format=pattern + "{file}.csv"),
    ):
        assert dataset.get_partition_key_values(["country"]) == [
            {"country": "de"},
            {"country": "us"},
        ]
        assert dataset.get_partition_key_values()[2] == {
            "country": "us",
            "year": datetime(2023, 1, 1),
            "file": "a",
        }
        with pytest.raises(UserErrorException, match=r"\['city'\] are not among .*'country'"):
            dataset.get_partition_key_values(["city"])
    with pytest.raises(UserErrorException, match="has no partition keys"):
        Dataset.File.from_files("in").get_partition_key_values()


def test_when_the_data_has_changed(
    workspace: Workspace, datastore: Any, folder: Path, write: Write
) -> None:
    for name, seconds in (("in/a", 1_000_000_000), ("in/b", 1_100_000_000)):
        os.utime(write(name, "x"), (seconds, seconds))
    changed = datetime.fromtimestamp(1_100_000_000, timezone.utc)
    assert Dataset.File.from_files("in").data_changed_time == changed


def test_when_a_storage_does_not_say_when_data_has_changed(
    workspace: Workspace, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amlflow.core.data.declared.own_folder", lambda uri: None)
    store = workspace.get_default_datastore()
    store.upload_files([str(write("a", "x"))], show_progress=False)
    assert Dataset.File.from_files((store, "a")).data_changed_time is None
