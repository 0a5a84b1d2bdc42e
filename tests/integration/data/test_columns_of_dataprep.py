"""Columns as azureml-dataprep 5.5 gives them: those of paths, and names that are there twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from azureml.core import Dataset, Workspace
from azureml.data import DataType
from azureml.data.dataset_error_handling import DatasetExecutionError, DatasetValidationError

Write = Callable[..., Path]


def types_of(frame: pd.DataFrame) -> dict[str, str]:
    return {name: str(kind).replace("object", "str") for name, kind in frame.dtypes.items()}


@pytest.fixture
def paths(write: Write) -> list[Path]:
    return [write(f"in/{folder}/a.csv", "v\n5\n") for folder in ("NY/2020/01/31", "CA/2020/02/01")]


def read(paths: list[Path], pattern: str, **options: Any) -> pd.DataFrame:
    table = Dataset.Tabular.from_delimited_files(paths, partition_format=pattern, **options)
    return table.to_pandas_dataframe()


def test_columns_of_paths_have_inferred_types(paths: list[Path]) -> None:
    frame = read(paths, "/in/{state}/{year}/{month}/{day}/*.csv")
    assert types_of(frame) == {
        "state": "str", "year": "int64", "month": "int64", "day": "int64", "v": "int64",
    }  # fmt: skip
    assert frame["month"].tolist() == [1, 2]


def test_columns_of_paths_with_declared_types_or_none(paths: list[Path]) -> None:
    pattern = "/in/{state}/{year}/{month}/{day}/*.csv"
    declared = read(paths, pattern, set_column_types={"month": DataType.to_string()})
    assert declared["month"].tolist() == ["01", "02"]
    assert read(paths, pattern, infer_column_types=False)["year"].tolist() == ["2020", "2020"]


def test_times_of_paths_come_after_the_texts(paths: list[Path]) -> None:
    frame = read(paths, "/in/{state}/{when:yyyy/MM/dd}/{file}.csv", include_path=True)
    assert types_of(frame) == {
        "Path": "str", "state": "str", "file": "str", "when": "datetime64[ns]", "v": "int64",
    }  # fmt: skip


def test_columns_of_paths_come_last_in_parquet_and_json_lines(folder: Path, write: Write) -> None:
    parquet = folder / "in/01/a.parquet"
    parquet.parent.mkdir(parents=True)
    pd.DataFrame({"v": [5]}, index=pd.Index([7])).to_parquet(parquet)  # the index is not a column
    lines = write("in/01/a.jsonl", '{"v": 5}\n')
    for read_files, path in (
        (Dataset.Tabular.from_parquet_files, parquet),
        (Dataset.Tabular.from_json_lines_files, lines),
    ):
        table = read_files(path, partition_format="/in/{month}/*", include_path=True)
        frame = table.to_pandas_dataframe()
        assert types_of(frame) == {"Path": "str", "v": "int64", "month": "str"}


def test_a_column_that_is_in_the_file_and_in_its_path(paths: list[Path]) -> None:
    with pytest.raises(DatasetExecutionError, match=r"a column 'v' already, which .*partition"):
        read(paths, "/in/{v}/*/*/*/*")


def test_a_name_that_is_twice_in_the_format_is_read_after_registration(
    paths: list[Path], workspace: Workspace
) -> None:
    table = Dataset.Tabular.from_delimited_files(paths, partition_format="/{in}/*/{in}/*/*/*")
    assert table.partition_keys == ["in"]
    values = table.to_pandas_dataframe()["in"].tolist()
    table.register(workspace, "twice")
    again = Dataset.get_by_name(workspace, "twice").to_pandas_dataframe()
    assert (len(again), list(again.columns)) == (len(values), ["in", "v"])


def test_a_name_of_the_path_that_is_also_that_of_the_whole_path(paths: list[Path]) -> None:
    pattern = "/in/{Path}/*/*/*/*"
    assert read(paths, pattern)["Path"].tolist() == ["NY", "CA"]
    with pytest.raises(DatasetExecutionError, match="leave out include_path"):
        read(paths, pattern, include_path=True)


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("a,a,a", "a a_1 a_2"),
        ("a,a,b,b", "a a_1 b b_2"),
        ("a,a,a_1", "a a_1 a_1_2"),
        ("a,a_1,a,a", "a a_1 a_1_2 a_3"),
        ("a,a,a_1,a_1", "a a_1 a_1_2 a_1_3"),
        (",,Column2,Column1", "Column1 Column2 Column2_1 Column1_2"),
        ("x,x,y,y,x_1,y_2,y_2", "x x_1 y y_2 x_1_3 y_2_4 y_2_5"),
    ],
)
def test_names_that_are_there_twice(write: Write, header: str, names: str) -> None:
    row = ",".join("2" for _ in header.split(","))
    frame = Dataset.Tabular.from_delimited_files(write("a.csv", f"{header}\n{row}\n"))
    assert list(frame.to_pandas_dataframe().columns) == names.split()


@pytest.mark.parametrize("text", ["a,b", "a,b\n", "\n\na,b", '"a",b\r\n'])
@pytest.mark.parametrize("options", [{}, {"infer_column_types": False}, {"empty_as_string": True}])
def test_names_only(write: Write, text: str, options: dict[str, bool]) -> None:
    path = write("a.csv", text)
    frame = Dataset.Tabular.from_delimited_files(path, **options).to_pandas_dataframe()
    assert frame.to_dict("list") == {"a": [], "b": []}
    declared = {"a": DataType.to_string(), "b": DataType.to_float()}
    typed = Dataset.Tabular.from_delimited_files(path, set_column_types=declared, **options)
    assert types_of(typed.to_pandas_dataframe()) == {"a": "str", "b": "float64"}
    with_rows = Dataset.Tabular.from_delimited_files(
        [path, write("b.csv", "a,b\n2,3\n")], **options
    )
    assert len(with_rows.to_pandas_dataframe()) == 1


def test_an_empty_file_before_others(write: Write) -> None:
    paths = [write("0.csv", ""), write("1.csv", "a,b\n2,3\n")]
    frame = Dataset.Tabular.from_delimited_files(paths).to_pandas_dataframe()
    assert frame.to_dict("list") == {"a": [2], "b": [3]}
    with pytest.raises(DatasetValidationError, match="is empty: it has no row"):
        Dataset.Tabular.from_delimited_files([paths[0], paths[0]])
