"""Reads only the beginning of a table if a data set's steps need its first rows only.

A beginning in delimited text is read as if it were the whole file, so columns get their types from
its rows, which are :data:`SAMPLE` at least.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from amlflow.data.definition import Definition
from amlflow.data.errors import DatasetExecutionError, explain_errors
from amlflow.data.storage import DataFile
from amlflow.data.tables import read_table

SAMPLE = 200
"""The number of rows from which v1 infers types."""
_SIZES = (1 << 20, 16 << 20, 256 << 20)
"""How many bytes of delimited text are tried, one after the other, before the whole files."""
_WIDE = frozenset({"utf16", "utf32"})
"""The encodings in which a byte is not the same sign as in ASCII."""


def read_needed(definition: Definition, files: Sequence[DataFile]) -> pa.Table:
    """Return the rows that the data set's steps need: the first ones, or else all of them.

    Raises:
        DatasetExecutionError: a file cannot be read, or is not of the format.
    """
    count = _count_needed(definition)
    table = None
    if count is not None and definition.format == "delimited":
        table = _read_beginning(definition, files, max(count, SAMPLE))
    elif count is not None and definition.format == "parquet":
        files = _limit(files, count)
    return read_table(definition, files) if table is None else table


def _count_needed(definition: Definition) -> int | None:
    """Return how many rows the steps need; None if they may need all."""
    skipped = 0
    for step, *values in definition.steps:
        if step == "take":
            return skipped + int(values[0])
        if step == "skip":
            skipped += int(values[0])
        elif step not in ("keep_columns", "drop_columns"):
            break
    return None


# Parquet


def _limit(files: Sequence[DataFile], count: int) -> list[DataFile]:
    """Return the files, each with the number of its rows that are read.

    The schema of each file counts, because the files may have different columns.
    """
    if any(file.is_copied for file in files):  # to count its rows would copy it once more
        return [replace(file, rows=count) for file in files]
    limited: list[DataFile] = []
    for file in files:
        limited.append(replace(file, rows=count))
        if count:
            with explain_errors("Reading", file.address), file.open() as stream:
                try:
                    count -= min(pyarrow.parquet.read_metadata(stream).num_rows, count)
                except pa.ArrowException:  # reading the file says why
                    return list(files)
    return limited


# delimited text


@dataclass(frozen=True, slots=True)
class _Beginning(DataFile):
    """The beginning of a file, which is read like a whole file."""

    content: bytes = b""

    def open(self) -> Any:
        return io.BytesIO(self.content)

    def read_beginning(self, count: int) -> bytes:
        return self.content[:count]

    @property
    def local_path(self) -> None:
        return None


def _read_beginning(
    definition: Definition, files: Sequence[DataFile], count: int
) -> pa.Table | None:
    """Return at least ``count`` rows, or all; None if the whole files must be read for them."""
    options = definition.options
    if options.get("encoding") in _WIDE:
        return None
    if options.get("header") == "COMBINE_ALL_FILES_HEADERS" and len(files) > 1:
        return None
    for size in _SIZES:
        beginnings, is_whole = _choose(files, size, count)
        if not is_whole and _count_lines(beginnings) <= count:
            continue
        try:
            table = read_table(definition, beginnings)
        except DatasetExecutionError:  # a row may be cut, or the error is that of the whole file
            return None
        if is_whole:
            return table
        # The last row may be cut: quotes may also be signs in a cell, as in 5" pipe.
        if table.num_rows > count:
            return table[:-1]
    return None


def _choose(files: Sequence[DataFile], size: int, count: int) -> tuple[list[_Beginning], bool]:
    """Return the first bytes of the files, and whether they are all bytes of all files.

    They are of ``count + 1`` files at most, as most files have a row.
    """
    chosen: list[_Beginning] = []
    for file in files[: count + 1]:
        content = file.read_beginning(size)
        is_whole = len(content) < size
        if not is_whole:
            content = content[: _end_of_rows(content)]
        chosen.append(_Beginning(file.fs, file.path, file.name, file.address, content=content))
        if not is_whole:
            return chosen, False
        size -= len(content)
    return chosen, len(chosen) == len(files)


def _count_lines(beginnings: Sequence[_Beginning]) -> int:
    """Return how many lines there are at most. A row has at least one."""
    contents = [each.content for each in beginnings]
    return sum(content.count(b"\n") + content.count(b"\r") + 1 for content in contents)


def _end_of_rows(content: bytes) -> int:
    """Return where the last whole row ends: after a line break with an even number of quotes."""
    quotes, end = content.count(b'"'), len(content)
    while end:
        line = max(content.rfind(b"\n", 0, end), content.rfind(b"\r", 0, end)) + 1
        quotes -= content.count(b'"', line, end)
        if quotes % 2 == 0:
            return line
        end = line - 1
    return 0
