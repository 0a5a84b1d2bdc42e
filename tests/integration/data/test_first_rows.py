"""``take`` reads the beginning of a table only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from amlflow.data import first_rows
from azureml.core import Dataset
from azureml.data import DataType
from azureml.data.dataset_error_handling import DatasetExecutionError
from azureml.data.dataset_type_definitions import PromoteHeadersBehavior

Write = Callable[..., Path]
SMALL = (64, 256)
ROWS = "".join(
    f'{n},{n / 2},"text {n}, with ""quotes""\r\nand lines",2020-01-{n % 28 + 1:02},é{n}\r\n'
    for n in range(2, 40)
)
TEXT = f"n,half,t,day,e\r\n{ROWS}"


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the beginnings so small that they end within rows."""
    monkeypatch.setattr(first_rows, "_SIZES", SMALL)
    monkeypatch.setattr(first_rows, "SAMPLE", 2)


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        (TEXT, {}),
        (TEXT, {"support_multi_line": True, "empty_as_string": True}),
        (TEXT, {"include_path": True, "partition_format": "/{name}.csv"}),
        (TEXT, {"set_column_types": {"n": DataType.to_string(), "half": DataType.to_float()}}),
        (TEXT, {"infer_column_types": False}),
        (TEXT.encode("latin1"), {"encoding": "latin1"}),
        (TEXT.encode("utf-8-sig"), {"encoding": "utf8bom"}),
        (TEXT.encode("utf-16"), {"encoding": "utf16"}),
        (ROWS, {"header": False}),
        (TEXT.replace("\r\n", "\n").replace(",", ";"), {"separator": ";"}),
        (TEXT.replace("\r\n", "\r"), {}),
        ("n\n\n\n" + "1\n\n" * 60, {}),
        ("n,s\n" + '1,5" pipe\n' * 60, {}),
        ("n,s\n" + "".join(f"{n},\n" for n in range(60)), {}),
    ],
)
@pytest.mark.usefixtures("_small")
def test_the_first_rows_are_those_of_the_whole_table(
    write: Write, text: str | bytes, arguments: dict[str, Any]
) -> None:
    dataset = Dataset.Tabular.from_delimited_files(write("a.csv", text), **arguments)
    whole = dataset.to_pandas_dataframe()
    for count in (0, 1, 2, 3, 7, 20, 100):
        taken = dataset.take(count).to_pandas_dataframe()
        pd.testing.assert_frame_equal(taken, whole[:count])
    skipped = dataset.skip(3).take(2).keep_columns(list(whole)[:1]).skip(1).to_pandas_dataframe()
    pd.testing.assert_frame_equal(skipped, whole[4:5][list(whole)[:1]].reset_index(drop=True))


@pytest.mark.usefixtures("_small")
def test_a_row_that_is_cut_is_not_used(write: Write) -> None:
    text = 'n,t\n1,5" pipe\n' + '2,"text\nand lines"\n' * 20
    dataset = Dataset.Tabular.from_delimited_files(write("a.csv", text))
    whole = dataset.to_pandas_dataframe()
    for count in (2, 3, 4):
        taken = dataset.take(count).to_pandas_dataframe()
        pd.testing.assert_frame_equal(taken, whole[:count])


@pytest.mark.usefixtures("_small")
def test_a_beginning_that_is_too_short_is_not_parsed(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = Dataset.Tabular.from_delimited_files(write("a.csv", "a,b\n1\n" + "1,2\n" * 200))
    caplog.clear()
    assert len(dataset.take(100).to_pandas_dataframe()) == 100
    assert [text for text in caplog.messages if "line 2 has 1 cells" in text] == caplog.messages
    assert len(caplog.messages) == 1


@pytest.mark.usefixtures("_small")
def test_rows_of_several_files(write: Write) -> None:
    paths = [write(f"{n}.csv", "a,b\n" + f"{n},2.5\n" * n) for n in (1, 3, 20, 2)]
    for header in (None, PromoteHeadersBehavior.COMBINE_ALL_FILES_HEADERS):
        arguments = {} if header is None else {"header": header}
        dataset = Dataset.Tabular.from_delimited_files(paths, **arguments)
        whole = dataset.to_pandas_dataframe()
        for count in (2, 4, 5, 24, 26, 30):
            taken = dataset.take(count).to_pandas_dataframe()
            pd.testing.assert_frame_equal(taken, whole[:count])


def test_what_comes_later_in_a_text_is_not_read(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_rows, "_SIZES", (4096,))  # it ends within quotes, after a line break
    content = b"a,b\n" + b'"x\ny",2\n' * 1000 + b"x,no number\n" + b"\xff,2\n"
    assert content[:4096].endswith(b'\n"x\ny')
    dataset = Dataset.Tabular.from_delimited_files(write("a.csv", content))
    frame = dataset.skip(1).take(100).to_pandas_dataframe()
    assert (len(frame), frame["b"].dtype) == (100, "int64")
    for all_rows in (dataset, dataset.skip(1), dataset.filter(dataset["a"] == "x").take(1)):
        with pytest.raises(DatasetExecutionError, match="encoding"):
            all_rows.to_pandas_dataframe()


@pytest.fixture
def groups(folder: Path) -> Path:
    """A Parquet file with several groups of rows, and columns of many types."""
    frame = pd.DataFrame(
        {
            "n": np.arange(1000),
            "t": [f"text {n}" for n in range(1000)],
            "c": pd.Categorical(["x", "y"] * 500),
            "when": pd.date_range("2020-01-01", periods=1000, tz="Europe/Paris", unit="us"),
            "l": [[n, n] for n in range(1000)],
        }
    )
    frame.to_parquet(folder / "g.parquet", row_group_size=100)
    return folder / "g.parquet"


def test_the_first_rows_of_parquet_are_those_of_the_whole_table(groups: Path) -> None:
    other = groups.with_name("h.parquet")
    pd.DataFrame({"n": [1.5], "more": ["x"]}).to_parquet(other)
    for paths in ([groups], [groups, other], [other, groups]):
        dataset = Dataset.Tabular.from_parquet_files(paths)
        whole = dataset.to_pandas_dataframe()
        for count in (0, 1, 99, 250, 1000, 1001, 5000):
            taken = dataset.take(count).to_pandas_dataframe()
            # A column of a file without rows has no categories.
            assert taken["c"].dtype == "category"
            kinds = {"c": "str"}
            pd.testing.assert_frame_equal(taken.astype(kinds), whole[:count].astype(kinds))


def test_first_rows_that_pyarrow_cannot_read_in_parts(folder: Path) -> None:
    kind = pa.list_(pa.dictionary(pa.int32(), pa.string()))
    table = pa.table({"l": pa.array([["a", str(n)] for n in range(9)], kind)})
    pq.write_table(table, folder / "l.parquet", row_group_size=3)
    with (folder / "l.parquet").open("rb") as stream, pytest.raises(pa.ArrowNotImplementedError):
        next(pq.ParquetFile(stream).iter_batches(batch_size=5))
    taken = Dataset.Tabular.from_parquet_files(folder / "l.parquet").take(5).to_pandas_dataframe()
    assert [list(cell) for cell in taken["l"]] == [["a", str(n)] for n in range(5)]


def test_what_comes_later_in_parquet_is_not_read(groups: Path) -> None:
    content = groups.read_bytes()
    middle = len(content) // 2
    groups.write_bytes(content[:middle] + bytes(4000) + content[middle + 4000 :])
    dataset = Dataset.Tabular.from_parquet_files(groups, validate=False)
    assert dataset.skip(2).take(3).to_pandas_dataframe()["n"].tolist() == [2, 3, 4]
    with pytest.raises(DatasetExecutionError, match=r"g\.parquet"):
        dataset.to_pandas_dataframe()
