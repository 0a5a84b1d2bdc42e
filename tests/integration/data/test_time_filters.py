"""Tables whose rows are chosen by their times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from amlflow.exceptions import DatasetTimestampMissingError, UserErrorException
from azureml.core import Dataset

Write = Callable[..., Path]


def test_times(write: Write) -> None:
    rows = "".join(f"2020-01-0{day},{day}\n" for day in range(1, 6))
    dataset = Dataset.Tabular.from_delimited_files(write("t.csv", f"when,v\n{rows}"))
    timed = dataset.with_timestamp_columns("when", validate=True)
    assert timed.timestamp_columns == ("when", None)

    def days(selection: Any) -> list[int]:
        return list(selection.to_pandas_dataframe()["v"])

    assert days(timed.time_before(datetime(2020, 1, 2))) == [1, 2]
    assert days(timed.time_after(datetime(2020, 1, 4), include_boundary=False)) == [5]
    assert days(timed.time_between(datetime(2020, 1, 2), datetime(2020, 1, 3))) == [2, 3]
    assert days(timed.time_recent(timedelta(days=1))) == []
    with pytest.raises(UserErrorException, match="'v' has no times"):
        dataset.with_timestamp_columns("v", validate=True)


def test_times_of_a_column_that_is_not_there(write: Write) -> None:
    csv = write("t.csv", "when,v\n2020-01-01,1\n2020-01-02,2\n")
    dataset = Dataset.Tabular.from_delimited_files(csv)
    day = datetime(2020, 1, 2)
    with pytest.raises(DatasetTimestampMissingError, match="no timestamp column"):
        dataset.time_before(day)
    with pytest.raises(UserErrorException, match=r"no column 'nope'.*'when', 'v'"):
        dataset.with_timestamp_columns("nope", validate=True)
    timed = dataset.with_timestamp_columns("nope")  # v1 reads nothing here
    with pytest.raises(UserErrorException, match=r"no column 'nope'.*'when', 'v'"):
        timed.time_after(day)
    with pytest.raises(UserErrorException, match="no column 'nope'"):
        timed.time_after(day, validate=False).to_pandas_dataframe()
    right = dataset.with_timestamp_columns("when")
    with pytest.raises(UserErrorException, match="no column 'when'"):
        right.drop_columns("when").with_timestamp_columns("when").time_between(day, day)
    frame = pd.DataFrame({"when": [day], "v": [1]})
    frame.to_parquet("t.parquet")
    parquet = Dataset.Tabular.from_parquet_files("t.parquet", include_path=True)
    assert len(parquet.with_timestamp_columns("when").time_after(day).to_pandas_dataframe()) == 1
    with pytest.raises(UserErrorException, match="'Path', 'when', 'v'"):
        parquet.with_timestamp_columns("nope").time_recent(timedelta(days=1))
    for arguments in ({"partition_timestamp": "v"}, {"timestamp": "v", "partition_timestamp": "v"}):
        with pytest.raises(UserErrorException, match="needs timestamp to be another column"):
            dataset.with_timestamp_columns(**arguments)


def test_a_dropped_timestamp_column_is_forgotten(write: Write) -> None:
    rows = "".join(f"2020-01-0{day},2020-01-01,{day}\n" for day in range(1, 4))
    dataset = Dataset.Tabular.from_delimited_files(write("t.csv", f"when,month,v\n{rows}"))
    timed = dataset.with_timestamp_columns("when", "month")
    day = datetime(2020, 1, 2)
    for table in (timed.drop_columns("when"), timed.keep_columns(["month", "v"])):
        assert table.timestamp_columns == (None, None)
        with pytest.raises(DatasetTimestampMissingError, match="no timestamp column"):
            table.time_before(day, validate=False)
    for table in (timed.drop_columns(["month", "v"]), timed.keep_columns("when")):
        assert table.timestamp_columns == ("when", None)
        assert len(table.time_before(day).to_pandas_dataframe()) == 2
    # A filter keeps its column, whichever the later ones are.
    earlier = timed.time_before(day)
    assert list(earlier.drop_columns("when").to_pandas_dataframe()["v"]) == [1, 2]
    assert list(earlier.with_timestamp_columns("month").to_pandas_dataframe()["v"]) == [1, 2]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo"])
def test_times_with_a_zone(zone: str, folder: Path) -> None:
    """As azureml-dataprep 5.5, the rows are chosen by their times in UTC."""
    times = pd.to_datetime(["2020-01-01T01:00", None, "2020-01-03T00:00"]).tz_localize("UTC")
    pd.DataFrame({"when": times.tz_convert(zone), "v": [1, 2, 3]}).to_parquet("t.parquet")
    dataset = Dataset.Tabular.from_parquet_files("t.parquet").with_timestamp_columns("when")
    end = datetime(2020, 1, 1, 2)
    for chosen in (dataset.time_before(end), dataset.filter(dataset["when"] < end)):
        assert chosen.to_pandas_dataframe()["v"].tolist() == [1]
    with_itself = dataset.filter(dataset["when"] == dataset["when"])
    assert with_itself.to_pandas_dataframe()["v"].tolist() == [1, 3]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", None])
def test_a_condition_with_a_time_in_a_zone(zone: str | None, folder: Path) -> None:
    times = pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03"]).tz_localize("UTC")
    pd.DataFrame({"when": times.tz_convert(zone), "v": [1, 2, 3]}).to_parquet("t.parquet")
    dataset = Dataset.Tabular.from_parquet_files("t.parquet")
    column = dataset["when"]
    for day in (
        datetime(2020, 1, 2, tzinfo=timezone.utc),
        datetime(2020, 1, 2, 9, tzinfo=timezone(timedelta(hours=9))),
        "2020-01-02T00:00:00Z",
    ):
        for condition, rows in ((column == day, [2]), (column != day, [1, 3]), (column > day, [3])):
            assert dataset.filter(condition).to_pandas_dataframe()["v"].tolist() == rows


def test_texts_with_times_in_zones(write: Write) -> None:
    """Times in JSON lines stay texts, and each may have its own zone."""
    lines = '{"when": "2020-01-01T00:00:00Z"}\n{"when": "2020-01-02T00:30:00+01:00"}\n'
    dataset = Dataset.Tabular.from_json_lines_files(write("t.jsonl", lines))
    timed = dataset.with_timestamp_columns("when")
    assert len(timed.time_after(datetime(2020, 1, 1, 23)).to_pandas_dataframe()) == 1
    assert len(timed.time_after(datetime(2020, 1, 2)).to_pandas_dataframe()) == 0
