"""The types of columns, as azureml-dataprep 5.5 gives them for the same files."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from amlflow.data.inference import infer
from azureml.core import Dataset
from azureml.data.dataset_factory import DataType
from azureml.exceptions import UserErrorException

Write = Callable[..., Path]


def column(write: Write, *values: str, **arguments: Any) -> pd.Series:
    """What a column with these cells becomes."""
    lines = "".join(f'"{value}",q\n' if value else ",q\n" for value in values)
    path = write("column.csv", f"a,z\n{lines}")
    return Dataset.Tabular.from_delimited_files(path, **arguments).to_pandas_dataframe()["a"]


def test_many_columns_take_time_in_proportion() -> None:
    count = 10_000
    table = pa.table({str(index): [2, 3] for index in range(count)})
    start = time.process_time()
    types = infer(table, {"column_types": {str(count - 1): {"type": "string"}}}).schema.types
    assert time.process_time() - start < 5  # with a copy of the table for each column: 13 s
    assert types == [pa.int64()] * (count - 1) + [pa.string()]


@pytest.mark.parametrize(
    "text",
    [
        "2020-01-13 10:11:12", "2020-01-13T10:11:12", "2020-01-13T10:11:12Z",
        "2020-01-13 12:11:12+02:00", "2020/01/13 10:11:12", "1/13/2020 10:11:12",
        "13/1/2020 10:11:12", "1/13/2020 10:11:12 AM", "2020-1-13 10:11:12",
    ],
)  # fmt: skip
def test_times(write: Write, text: str) -> None:
    times = column(write, text, "", text)
    assert times.dtype.kind == "M"
    assert times.dt.tz is None
    assert times[0] == pd.Timestamp("2020-01-13 10:11:12")
    assert times[1] is pd.NaT


@pytest.mark.parametrize(
    "text",
    [
        "2020-01-13", "2020-1-13", "2020/1/13", "13/1/2020", "1/13/2020", "1/13/20", "13-01-2020",
        "01-13-2020", "13-Jan-2020", "13-Jan-20",
    ],
)  # fmt: skip
def test_dates(write: Write, text: str) -> None:
    assert list(column(write, text, text)) == [pd.Timestamp("2020-01-13")] * 2


def test_an_ambiguous_date_begins_with_the_month(write: Write) -> None:
    assert list(column(write, "1/2/2020", "3/4/2020")) == [
        pd.Timestamp("2020-01-02"),
        pd.Timestamp("2020-03-04"),
    ]
    assert list(column(write, "1/2/2020", "13/2/2020")) == [
        pd.Timestamp("2020-02-01"),
        pd.Timestamp("2020-02-13"),
    ]


@pytest.mark.parametrize(
    "texts",
    [
        ("2020.01.02",), ("2020-01",), ("Jan 13 2020",), ("10:11",), ("10:11:12",), ("yes", "no"),
        ("1,000",), ("$1",), ("50%",), ("NA", "1"), ("null", "1"), ("?", "1"), ("1_000",),
        ("20200113T101112",), ("2020-01-02 03:04:05", "2020-01-02T03:04:06Z"),
        ("y", "n"), ("Yes", "maybe"), ("2020-01-02", "NaN"),
    ],
)  # fmt: skip
def test_what_stays_text(write: Write, texts: tuple[str, ...]) -> None:
    assert list(column(write, *texts)) == list(texts)


@pytest.mark.parametrize(
    "texts",
    [
        ("true", "0"),
        ("True", "False"),
        ("T", "F"),
        ("t", "f"),
        ("Y", "N"),
        ("1", "0"),
        ("TRUE", "0"),
        ("Yes", "No"),
        ("YES", "0"),
        (" true", "false "),
    ],
)
def test_booleans(write: Write, texts: tuple[str, str]) -> None:
    flags = column(write, *texts)
    assert (flags.dtype, list(flags)) == (bool, [True, False])


def test_booleans_with_gaps(write: Write) -> None:
    assert column(write, "1", "0", "").tolist() == [True, False, None]


@pytest.mark.parametrize(
    ("texts", "kind", "numbers"),
    [
        (("1", "0", "2"), "i", [1, 0, 2]),
        (("007", "008"), "i", [7, 8]),
        ((" 1", "2 "), "i", [1, 2]),
        (("20200113", "2020"), "i", [20200113, 2020]),
        (("9223372036854775807", "1"), "i", [9223372036854775807, 1]),
        (("0.0", "1.0"), "f", [0.0, 1.0]),
        (("1.", ".5"), "f", [1.0, 0.5]),
        (("1e3", "2"), "f", [1000.0, 2.0]),
        (("99999999999999999999", "1"), "f", [1e20, 1.0]),
        (("inf", "1.5"), "f", [float("inf"), 1.5]),
    ],
)
def test_numbers(write: Write, texts: tuple[str, ...], kind: str, numbers: list[Any]) -> None:
    values = column(write, *texts)
    assert (values.dtype.kind, values.tolist()) == (kind, numbers)


def test_whole_numbers_with_gaps_are_floats(write: Write) -> None:
    values = column(write, "5", "", "7")
    assert values.dtype == "float64"
    assert values.isna().tolist() == [False, True, False]


def test_a_late_row_counts_too(write: Write) -> None:
    """v1 infers from 200 rows and makes null of "x"; nothing is lost here."""
    values = column(write, *["1", "2"] * 300, "x")
    assert values.iloc[-1] == "x"


def test_whole_numbers_lose_their_decimals(write: Write) -> None:
    types = {"a": DataType.to_long()}
    assert column(write, "-1.5", "2.9", set_column_types=types).tolist() == [-1, 2]
    assert column(write, "-1.5", "x", set_column_types=types).tolist()[0] == -1.0


def test_words_for_flags_in_a_stated_type(write: Write) -> None:
    flags = column(write, "Yes", "n", " TRUE", "y", set_column_types={"a": DataType.to_bool()})
    assert flags.tolist() == [True, None, True, None]


def test_without_inference(write: Write) -> None:
    assert column(write, "007", "1", infer_column_types=False).tolist() == ["007", "1"]


def test_stated_types(write: Write) -> None:
    path = write("t.csv", "a,b,c,d,e\n1,2,x,13.01.2020,1\n2,y,2.5,14.01.2020,0\n")
    types = {
        "a": DataType.to_string(),
        "b": DataType.to_long(),
        "c": DataType.to_float(),
        "d": DataType.to_datetime("%d.%m.%Y"),
        "nowhere": DataType.to_long(),
    }
    frame = Dataset.Tabular.from_delimited_files(path, set_column_types=types).to_pandas_dataframe()
    assert frame["a"].tolist() == ["1", "2"]
    assert frame["b"].isna().tolist() == [False, True]
    assert frame["c"].isna().tolist() == [True, False]
    assert frame["d"].tolist() == [pd.Timestamp("2020-01-13"), pd.Timestamp("2020-01-14")]
    assert frame["e"].tolist() == [True, False]


@pytest.mark.parametrize("formats", [5, [5], {"a": "b"}])
def test_formats_of_times_that_are_not_texts(formats: Any) -> None:
    with pytest.raises(UserErrorException, match=r"formats=.* is neither a format of strptime"):
        DataType.to_datetime(formats)
    assert DataType.to_datetime(("%Y", "%d")).content["formats"] == ["%Y", "%d"]


def test_a_decimal_mark_that_is_neither_point_nor_comma() -> None:
    with pytest.raises(UserErrorException, match=r"decimal_mark=';' is neither '\.' nor ','"):
        DataType.to_float(";")


def test_digits_that_are_not_a_number_take_a_moment() -> None:
    """They took a minute, as the time grew with the square of their number."""
    start = time.process_time()
    table = infer(pa.table({"a": ["1" * 100_000 + "x"]}), {})
    assert table["a"].type == pa.string()
    assert time.process_time() - start < 3
