"""Tables: reading, several files, steps, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from amlflow.core.data import declared
from amlflow.core.workspace import Workspace
from amlflow.data import tables
from amlflow.exceptions import UserErrorException
from amlflow.testing.memory import MemoryTracker
from azureml.core import Dataset
from azureml.data import DataType
from azureml.data.dataset_error_handling import DatasetExecutionError, DatasetValidationError
from azureml.data.dataset_type_definitions import PromoteHeadersBehavior

Write = Callable[..., Path]


def frame_of(path: Any, **arguments: Any) -> pd.DataFrame:
    return Dataset.Tabular.from_delimited_files(path, **arguments).to_pandas_dataframe()


@pytest.fixture
def numbers(write: Write) -> Any:
    rows = "".join(f"{index},{index % 3},t{index}\n" for index in range(10))
    return Dataset.Tabular.from_delimited_files(write("n.csv", f"x,y,s\n{rows}"))


def test_columns_without_a_name_or_with_the_same(write: Write) -> None:
    assert list(frame_of(write("d.csv", "a,a,\n3,4,5\n")).columns) == ["a", "a_1", "Column3"]


def test_without_a_header(write: Write) -> None:
    frame = frame_of(write("d.csv", "3,4\n5,6\n"), header=False)
    assert frame.to_dict("list") == {"Column1": [3, 5], "Column2": [4, 6]}


def test_the_first_header_holds_for_all_files(write: Write) -> None:
    paths = [write("1.csv", "a,b\n2,3\n"), write("2.csv", "b,c\n4,5\n")]
    assert frame_of(paths).to_dict("list") == {"a": [2, 4], "b": [3, 5]}


def test_headers_are_combined(write: Write) -> None:
    paths = [write("1.csv", "a,b\n2,3\n"), write("2.csv", "b,c\n4,5\n")]
    frame = frame_of(paths, header=PromoteHeadersBehavior.COMBINE_ALL_FILES_HEADERS)
    assert list(frame.columns) == ["a", "b", "c"]
    assert frame["b"].tolist() == [3, 4]


def test_a_column_of_other_types_in_other_files_is_text(write: Write) -> None:
    paths = [write("1.csv", "a,b\n2,3\n"), write("2.csv", "a,b\nx,4.5\n")]
    frame = frame_of(paths)
    assert frame["a"].tolist() == ["2", "x"]
    assert frame["b"].tolist() == [3.0, 4.5]


@pytest.mark.parametrize(
    ("encoding", "codec"),
    [
        ("latin1", "latin-1"), ("windows1252", "cp1252"), ("utf16", "utf-16"),
        ("utf8bom", "utf-8-sig"), ("utf8", "utf-8-sig"), ("utf8", "utf-8"),
    ],
)  # fmt: skip
def test_encodings(write: Write, encoding: str, codec: str) -> None:
    path = write("e.csv", "ä,b\né,2\n".encode(codec))
    assert frame_of(path, encoding=encoding).to_dict("list") == {"ä": ["é"], "b": [2]}


def test_another_encoding_than_the_file_has(write: Write) -> None:
    path = write("e.csv", "a,b\né,1\n".encode("latin-1"))
    with pytest.raises(DatasetExecutionError, match=r"e\.csv.*encoding 'utf8'.*latin1"):
        frame_of(path)


def test_a_mixed_column_that_one_file_of_json_lines_lacks(write: Write) -> None:
    lines = ['{"a": 1, "b": 1}', '{"a": "x", "b": 2}', '{"b": 3}']
    paths = [write(f"{index}.jsonl", line) for index, line in enumerate(lines)]
    frame = Dataset.Tabular.from_json_lines_files(paths).to_pandas_dataframe()
    assert frame["a"].fillna("").tolist() == ["1", "x", ""]
    assert frame["b"].tolist() == [1, 2, 3]


def test_separators_and_quotes(write: Write) -> None:
    path = write("s.tsv", 'a\tb\n"x\ty"\t"say ""hi"""\n')
    assert frame_of(path, separator="\t").iloc[0].tolist() == ["x\ty", 'say "hi"']


def test_line_breaks_in_quotes(write: Write) -> None:
    path = write("m.csv", 'a,b\n"x\ny",5\n')
    assert frame_of(path, support_multi_line=True).iloc[0].tolist() == ["x\ny", 5]


def test_a_declared_type_is_that_of_the_text(write: Write) -> None:
    text = "code,price,flag,day,n\n01,1.50,True,20200131,007\n00,2.00,no,20200201,\n"
    kinds = {
        "code": DataType.to_string(), "price": DataType.to_string(), "flag": DataType.to_string(),
        "day": DataType.to_datetime("%Y%m%d"), "n": DataType.to_float(),
        "none": DataType.to_string(),
    }  # fmt: skip
    frame = frame_of(write("d.csv", text), set_column_types=kinds)
    assert frame["code"].tolist() == ["01", "00"]
    assert frame["price"].tolist() == ["1.50", "2.00"]
    assert frame["flag"].tolist() == ["True", "no"]
    assert frame["day"].tolist() == [datetime(2020, 1, 31), datetime(2020, 2, 1)]
    assert frame["n"].fillna(-1).tolist() == [7.0, -1.0]


@pytest.mark.parametrize(
    "text",
    ["x\ny", "x\n,\ny", "z" * 3000, "x\n1," + "y" * 40],
    ids=["break", "breaks", "long", "both parts are rows"],
)
@pytest.mark.parametrize("block", [50, 77, 1000])
def test_a_row_is_read_whole_wherever_a_block_ends(
    write: Write, monkeypatch: pytest.MonkeyPatch, text: str, block: int
) -> None:
    monkeypatch.setattr(tables, "BLOCK", block)
    rows = f'1,"{text}"\n2,b\n' * 100
    assert frame_of(write("d.csv", f"n,text\n{rows}"))["text"].tolist() == [text, "b"] * 100
    ragged = frame_of(write("r.csv", f"n,text\n{rows}3\n"))
    assert ragged["text"].tolist()[:-1] == [text, "b"] * 100


def test_empty_cells(write: Write) -> None:
    path = write("e.csv", "a,b\nx,1\n,2\n")
    assert frame_of(path)["a"].isna().tolist() == [False, True]
    assert frame_of(path, empty_as_string=True)["a"].tolist() == ["x", ""]
    numbers = write("n.csv", "a,b\n1,x\n,y\n")
    assert frame_of(numbers, empty_as_string=True)["a"].tolist() == ["1", ""]


def test_paths_and_partitions(write: Write) -> None:
    write("in/red/2020/05/a.csv", "v\n5\n6\n")
    write("in/blue/2021/06/a.csv", "v\n7\n")
    frame = frame_of(
        "in/**/*.csv", partition_format="/{color}/{day:yyyy/MM}/a.csv", include_path=True
    )
    assert frame["color"].tolist() == ["blue", "red", "red"]
    assert frame["day"].iloc[0] == pd.Timestamp("2021-06-01")
    assert frame["Path"].iloc[0].endswith("/blue/2021/06/a.csv")
    assert frame["v"].tolist() == [7, 5, 6]


def test_parquet_keeps_its_types(folder: Path) -> None:
    frame = pd.DataFrame({"a": [1, 0], "t": pd.to_datetime(["2020-01-01", "2020-01-02"])})
    frame["t"] = frame["t"].astype("datetime64[us]")
    frame.to_parquet("p.parquet")
    pd.testing.assert_frame_equal(
        Dataset.Tabular.from_parquet_files("p.parquet").to_pandas_dataframe(),
        frame.assign(t=frame["t"].astype("datetime64[ns]")),  # as in v1
    )


def test_parquet_with_times_that_nanoseconds_do_not_have(folder: Path) -> None:
    frame = pd.DataFrame({"t": pd.Series([datetime(1500, 1, 2)], dtype="datetime64[us]")})
    frame.to_parquet("p.parquet")
    read = Dataset.Tabular.from_parquet_files("p.parquet").to_pandas_dataframe()
    pd.testing.assert_frame_equal(read, frame)


def test_json_lines(write: Write) -> None:
    path = write("j.jsonl", '{"a": 1, "b": "x"}\n{"a": 2}\n')
    frame = Dataset.Tabular.from_json_lines_files(path).to_pandas_dataframe()
    assert frame["a"].tolist() == [1, 2]
    assert frame["b"].isna().tolist() == [False, True]


def test_times_in_json_lines_are_texts(write: Write) -> None:
    path = write("j.jsonl", '{"a": "2020-01-02", "b": {"c": ["2020-01-02T03:04:05Z"]}, "n": 1}\n')
    frame = Dataset.Tabular.from_json_lines_files(path).to_pandas_dataframe()
    assert frame["a"].tolist() == ["2020-01-02"]
    assert list(frame["b"][0]["c"]) == ["2020-01-02T03:04:05Z"]
    assert frame["n"].tolist() == [1]


def test_times_in_json_lines_of_another_encoding_are_texts(write: Write) -> None:
    path = write("j.jsonl", '{"ä": "2020-01-02"}\n'.encode("latin-1"))
    frame = Dataset.Tabular.from_json_lines_files(path, encoding="latin1").to_pandas_dataframe()
    assert frame["ä"].tolist() == ["2020-01-02"]


def test_json_lines_that_are_none(write: Write) -> None:
    path = write("j.jsonl", '{"a": 1}\n{a}\n')
    with pytest.raises(DatasetExecutionError, match=r"j\.jsonl"):
        Dataset.Tabular.from_json_lines_files(path).to_pandas_dataframe()
    kept = Dataset.Tabular.from_json_lines_files(path, invalid_lines="drop").to_pandas_dataframe()
    assert kept["a"].tolist() == [1]


# steps


def test_take_and_skip(numbers: Any) -> None:
    assert numbers.take(3).to_pandas_dataframe()["x"].tolist() == [0, 1, 2]
    assert numbers.skip(8).to_pandas_dataframe()["x"].tolist() == [8, 9]
    assert numbers.skip(2).take(1).to_pandas_dataframe().index.tolist() == [0]


def test_columns(numbers: Any) -> None:
    assert list(numbers.keep_columns(["s", "x"]).to_pandas_dataframe().columns) == ["s", "x"]
    for names in ("x", ["x", "nope"]):  # v1 also passes over a name that no column has
        assert list(numbers.drop_columns(names).to_pandas_dataframe().columns) == ["y", "s"]
    with pytest.raises(UserErrorException, match=r"no column 'nope'; it has 'x', 'y', 's'"):
        numbers.keep_columns(["x", "nope"]).to_pandas_dataframe()


@pytest.mark.parametrize("seed", [1, None])
def test_the_parts_of_a_split_complete_each_other(numbers: Any, seed: int | None) -> None:
    first, second = numbers.random_split(0.5, seed=seed)
    values = [*first.to_pandas_dataframe()["x"], *second.to_pandas_dataframe()["x"]]
    assert sorted(values) == list(range(10))
    assert first.to_pandas_dataframe().equals(first.to_pandas_dataframe())


def test_a_split_with_the_same_seed_is_the_same(numbers: Any) -> None:
    one, other = numbers.random_split(0.5, 7)[0], numbers.random_split(0.5, 7)[0]
    assert one.to_pandas_dataframe().equals(other.to_pandas_dataframe())
    assert len(numbers.take_sample(1.0).to_pandas_dataframe()) == 10
    assert len(numbers.take_sample(0.0).to_pandas_dataframe()) == 0


def test_filter(numbers: Any) -> None:
    chosen = numbers.filter((numbers["x"] > 5) & ~(numbers["y"] == 0) | (numbers["s"] == "t1"))
    assert chosen.to_pandas_dataframe()["x"].tolist() == [1, 7, 8]
    with pytest.raises(UserErrorException, match="no column 'nope'"):
        numbers.filter(numbers["nope"] > 1).to_pandas_dataframe()
    with pytest.raises(UserErrorException, match="cannot be compared"):
        numbers.filter(numbers["s"] > 1).to_pandas_dataframe()
    with pytest.raises(UserErrorException, match="combine conditions with &"):
        bool(numbers["x"] > 1)


# what is not a table


def test_a_file_that_is_not_there(folder: Path) -> None:
    with pytest.raises(DatasetValidationError, match=r"none\.csv' has no file.*validate=False"):
        Dataset.Tabular.from_delimited_files("none.csv")
    later = Dataset.Tabular.from_delimited_files("none.csv", validate=False)
    with pytest.raises(DatasetExecutionError, match=r"none\.csv"):
        later.to_pandas_dataframe()


def test_an_empty_file(write: Write) -> None:
    with pytest.raises(DatasetValidationError, match="is empty"):
        frame_of(write("e.csv", ""))


def test_an_empty_folder(folder: Path) -> None:
    (folder / "nothing").mkdir()
    with pytest.raises(DatasetValidationError, match="has no file"):
        frame_of("nothing")


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("a,b\n5,6\n7,8,9\n", {"a": [5, 7], "b": [6, 8], "Column3": [None, 9]}),
        ("a,b\n5,6,7\n8,9,5\n", {"a": [5, 8], "b": [6, 9], "Column3": [7, 5]}),
        ("a,b,c\n5,6,7\n\n8\n", {"a": [5, 8], "b": [6, None], "c": [7, None]}),
        ('a,b\n"x,\ny",5\nz\n', {"a": ["x,\ny", "z"], "b": [5, None]}),
        ("title\n\na,b\nx,y\n", {"title": ["a", "x"], "Column2": ["b", "y"]}),
    ],
    ids=["long row", "short header", "short row", "quotes", "title"],
)
def test_short_rows_are_filled_up(
    write: Write, text: str, columns: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    frame = frame_of(write("r.csv", text))
    assert {name: [None if v != v else v for v in frame[name]] for name in frame} == columns
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "r.csv" in caplog.text


def test_rows_of_other_lengths_in_other_files(write: Write) -> None:
    paths = [
        write("1.csv", "a,b\n5,x\n"),
        write("2.csv", "a\n6\n"),
        write("3.csv", "a,b,c\n7,y,z\n"),
    ]
    frame = frame_of(paths)
    assert list(frame.columns) == ["a", "b", "Column3"]
    assert frame["a"].tolist() == [5, 6, 7]
    assert frame["Column3"].isna().tolist() == [True, True, False]


def test_rows_of_other_lengths_in_another_encoding(write: Write) -> None:
    frame = frame_of(write("r.csv", "ä,b\né\n".encode("utf-16")), encoding="utf16")
    assert frame["ä"].tolist() == ["é"]


def test_the_warning_names_the_first_row_of_another_length(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    frame_of(write("r.csv", "a,b\n1,2\n1,2,3\n4\n"))
    assert "line 3 has 3 cells instead of 2" in caplog.text


def test_a_quote_that_does_not_end(write: Write) -> None:
    with pytest.raises(DatasetExecutionError, match=r"r\.csv.*line 3: unexpected end"):
        frame_of(write("r.csv", 'a,b\n"x,1\ny,2\n'))


def test_empty_lines_before_the_names(write: Write) -> None:
    frame = frame_of(write("r.csv", "\n\r\n a ,b\nx,5\n"))
    assert frame.to_dict("list") == {"a": ["x"], "b": [5]}


def test_an_empty_file_among_others_is_passed_over(write: Write) -> None:
    paths = [write("1.csv", "a\n5\n"), write("2.csv", ""), write("3.csv", "a\n6\n")]
    assert frame_of(paths)["a"].tolist() == [5, 6]
    lines = [write("1.jsonl", '{"a": 5}\n'), write("2.jsonl", "")]
    frame = Dataset.Tabular.from_json_lines_files(lines).to_pandas_dataframe()
    assert frame["a"].tolist() == [5]


def test_what_is_not_delimited_text(write: Write, folder: Path) -> None:
    with pytest.raises(DatasetExecutionError, match=r"b\.csv"):
        frame_of(write("b.csv", bytes(range(256)) * 10))
    pd.DataFrame({"a": [1]}).to_parquet("p.parquet")
    with pytest.raises(DatasetValidationError, match="is a Parquet file"):
        frame_of("p.parquet")
    with pytest.raises(DatasetValidationError, match="is not a Parquet file"):
        Dataset.Tabular.from_parquet_files(write("c.parquet", "a,b\n1,2\n"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": []}, "empty list"),
        ({"path": 5}, "5 is not a path"),
        ({"path": "s3://bucket/x.csv"}, "begin with s3: need a datastore"),
        ({"path": "x.csv", "encoding": "klingon"}, "encoding='klingon' is not known"),
        ({"path": "x.csv", "separator": ""}, "not a single character"),
        ({"path": "x.csv", "header": "SOME"}, "header='SOME'"),
        ({"path": "x.csv", "set_column_types": {"a": "float"}}, "DataType.to_float"),
    ],
)
def test_wrong_arguments(write: Write, arguments: dict[str, Any], message: str) -> None:
    write("x.csv", "a\n1\n")
    with pytest.raises(UserErrorException, match=message):
        Dataset.Tabular.from_delimited_files(**arguments)


@pytest.mark.parametrize("call", ["take", "skip", "take_sample", "random_split"])
@pytest.mark.parametrize("value", [-1, "3", True, None])
def test_wrong_counts(numbers: Any, call: str, value: Any) -> None:
    with pytest.raises(UserErrorException, match=call):
        getattr(numbers, call)(value)


def test_a_file_that_the_tracker_keeps_is_fetched_once_for_a_call(
    workspace: Workspace, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(declared, "own_folder", lambda uri: None)
    datastore = workspace.get_default_datastore()
    datastore.upload_files([write("t.csv", "é,b\n1,x\n2,y\n")], show_progress=False)
    fetched = []
    get_file = MemoryTracker.get_file

    def count(tracker: MemoryTracker, run_id: str, name: str, destination: Path) -> None:
        fetched.append(name)
        get_file(tracker, run_id, name, destination)

    monkeypatch.setattr(MemoryTracker, "get_file", count)
    table = Dataset.Tabular.from_delimited_files((datastore, "t.csv"))
    assert fetched == ["t.csv"]
    assert table.to_pandas_dataframe()["é"].tolist() == [1, 2]
    assert table.take(1).to_pandas_dataframe()["b"].tolist() == ["x"]
    assert fetched == ["t.csv"] * 3
