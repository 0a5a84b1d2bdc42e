"""Files that are not texts, or texts in another encoding, and texts whose names say otherwise."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from amlflow.data.definition import ENCODINGS
from azureml.core import Dataset
from azureml.data.dataset_error_handling import DatasetExecutionError, DatasetValidationError

Write = Callable[..., Path]


def frame_of(path: Any, **arguments: Any) -> pd.DataFrame:
    return Dataset.Tabular.from_delimited_files(path, **arguments).to_pandas_dataframe()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"a,b\n1,2\n"), "is compressed by gzip, .* `gzip -d`"),
        (bz2.compress(b"a,b\n1,2\n"), "is compressed by bzip2"),
        (lzma.compress(b"a,b\n1,2\n"), "is compressed by xz"),
        (b"PK\x03\x04\x14\0\0\0\x08\0\xff\xff", "is a zip archive"),
        ("a,b\n1,2\n".encode("utf-16"), "is a text in UTF-16. Pass encoding='utf16'"),
        ("a,b\n1,2\n".encode("utf-32"), "is a text in UTF-32. Pass encoding='utf32'"),
    ],
    ids=["gzip", "bzip2", "xz", "zip", "UTF-16", "UTF-32"],
)
def test_a_file_that_is_not_text_is_named(write: Write, content: bytes, message: str) -> None:
    path = write("e.csv", content)
    for read in (Dataset.Tabular.from_delimited_files, Dataset.Tabular.from_json_lines_files):
        with pytest.raises(DatasetExecutionError, match=rf"e\.csv' {message}"):
            read(path, validate=False).to_pandas_dataframe()


def test_bytes_of_another_encoding_far_from_the_beginning(write: Write) -> None:
    path = write("e.csv", b"a,b\n" + b"1,x\n" * 10_000 + "2,é\n".encode("latin1"))
    with pytest.raises(
        DatasetExecutionError, match=r"e\.csv' is not a text in the encoding 'utf8'"
    ):
        frame_of(path)
    assert frame_of(path, encoding="latin1")["b"].iloc[-1] == "é"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_file_is_not_a_text_in_any_encoding(
    write: Write, compress: Callable[[bytes], bytes], encoding: str
) -> None:
    path = write("e.csv.gz", compress("a,b\n1,é\n".encode(ENCODINGS[encoding])))
    with pytest.raises(DatasetValidationError, match="is compressed by") as refused:
        frame_of(path, encoding=encoding)
    assert "validate=False" not in str(refused.value)  # that is for data that is not there yet
    with pytest.raises(DatasetExecutionError, match="is compressed by"):
        frame_of(path, encoding=encoding, validate=False)
    for lines in ("error", "drop"):
        with pytest.raises(DatasetExecutionError, match="is compressed by"):
            Dataset.Tabular.from_json_lines_files(
                path, validate=False, encoding=encoding, invalid_lines=lines
            ).to_pandas_dataframe()


@pytest.mark.parametrize("ending", ["gz", "bz2", "zst"])
def test_a_text_is_read_whatever_its_name_is(write: Write, ending: str) -> None:
    assert frame_of(write(f"a.csv.{ending}", "BZh9,b\n2,3\n")).to_dict("list") == {
        "BZh9": [2],
        "b": [3],
    }
    lines = Dataset.Tabular.from_json_lines_files(write(f"a.jsonl.{ending}", '{"a": 2}\n'))
    assert lines.to_pandas_dataframe().to_dict("list") == {"a": [2]}


def test_a_text_in_utf16_that_is_damaged(write: Write) -> None:
    path = write("e.csv", "a,b\n".encode("utf-16") + b"\x00\xd8\n\0")
    with pytest.raises(DatasetExecutionError, match="is not a text in the encoding 'utf16'"):
        frame_of(path, encoding="utf16")
