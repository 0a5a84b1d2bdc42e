"""Only the beginning of a file is read to see what a table is."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest
from amlflow.core.data import declared
from amlflow.core.workspace import Workspace
from amlflow.data.beginnings import COUNT
from amlflow.data.errors import DatasetValidationError
from amlflow.data.tables import HEAD
from amlflow.exceptions import UserErrorException
from amlflow.testing.memory import MemoryTracker
from azureml.core import Dataset

Write = Callable[..., Path]


class PartReadingTracker(MemoryTracker):
    """A tracker that gives the beginning of a file, and keeps how many bytes it has sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, int]] = []

    def get_file(self, run_id: str, name: str, destination: Path) -> None:
        super().get_file(run_id, name, destination)
        self.sent.append(("whole", destination.stat().st_size))

    def read_beginning(self, run_id: str, name: str, count: int) -> bytes | None:
        if name not in self._files[run_id]:
            return None
        beginning = self._files[run_id][name][:count]
        self.sent.append(("beginning", len(beginning)))
        return beginning


@pytest.fixture
def tracker() -> PartReadingTracker:
    return PartReadingTracker()


def test_a_table_that_the_tracker_keeps_is_fetched_once(
    workspace: Workspace, tracker: PartReadingTracker, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(declared, "own_folder", lambda uri: None)
    text = "day,v\n" + "2020-01-02,1234567\n" * 10_000
    write("days.csv", text)
    datastore = workspace.get_default_datastore()
    datastore.upload_files(["days.csv"], show_progress=False)
    table = Dataset.Tabular.from_delimited_files((datastore, "days.csv"))
    assert tracker.sent == [("beginning", COUNT)]
    timed = table.with_timestamp_columns("day").time_after(datetime(2020, 1, 2))
    assert tracker.sent[1:] == [("beginning", HEAD)]
    assert len(timed.to_pandas_dataframe()) == 10_000
    assert tracker.sent[2:] == [("whole", len(text))]
    with pytest.raises(DatasetValidationError, match="does not exist"):
        Dataset.Tabular.from_delimited_files((datastore, "no.csv"))


def test_first_rows_of_parquet_that_the_tracker_keeps_are_fetched_once(
    workspace: Workspace, tracker: PartReadingTracker, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(declared, "own_folder", lambda uri: None)
    names = ["a.parquet", "b.parquet"]
    for name in names:
        pd.DataFrame({"n": range(3)}).to_parquet(folder / name)
    datastore = workspace.get_default_datastore()
    datastore.upload_files(names, show_progress=False)
    paths = [(datastore, name) for name in names]
    table = Dataset.Tabular.from_parquet_files(paths, validate=False)
    tracker.sent.clear()
    assert table.take(4).to_pandas_dataframe()["n"].tolist() == [0, 1, 2, 0]
    assert [kind for kind, _ in tracker.sent] == ["whole", "whole"]


def test_a_table_of_a_tracker_that_gives_only_whole_files(
    workspace: Workspace, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(PartReadingTracker, "read_beginning")
    monkeypatch.setattr(declared, "own_folder", lambda uri: None)
    write("a.csv", "a,b\n1,2\n")
    datastore = workspace.get_default_datastore()
    datastore.upload_files(["a.csv"], show_progress=False)
    table = Dataset.Tabular.from_delimited_files((datastore, "a.csv"))
    assert table.to_pandas_dataframe()["b"].tolist() == [2]
    with pytest.raises(UserErrorException, match="has no column 'day'; it has 'a', 'b'"):
        table.with_timestamp_columns("day").time_after(datetime(2020, 1, 1))


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("day,b", "utf8"),
        ("day,b\r\n", "utf16"),
        ('day,"b\nc"\n', "utf8"),
        ("day," + "b" * HEAD, "utf8"),
    ],
    ids=["only a header", "utf16", "two lines", "a long one"],
)
def test_the_names_of_columns_come_from_the_beginning(
    header: str, encoding: str, workspace: Workspace, write: Write
) -> None:
    path = write("days.csv", header.encode("utf-16" if encoding == "utf16" else encoding))
    table = Dataset.Tabular.from_delimited_files(
        str(path), encoding=encoding, support_multi_line=True
    ).with_timestamp_columns("other")
    names = re.escape(repr(next(csv.reader(io.StringIO(header)))[1][:40])[:-1])
    with pytest.raises(UserErrorException, match=f"has no column 'other'; it has 'day', {names}"):
        table.time_after(datetime(2020, 1, 1))
