"""Delimited text whose rows have different numbers of cells. As in v1, short rows are filled up.

pyarrow refuses such a file. Then Python's module csv reads it twice: once for the length of the
longest row, and once to write a copy in which all rows have that length.
"""

from __future__ import annotations

import csv
import io
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import IO, Any

from amlflow.data.errors import DatasetExecutionError

logger = logging.getLogger("amlflow")


def fill_rows(
    open_file: Callable[[], Any], address: str, encoding: str, separator: str, width: int
) -> tuple[IO[bytes], int]:
    """Return a copy of the file in UTF-8 whose rows have the same length, and that length.

    The length is at least ``width``. One warning says which row is the first that differs.

    Raises:
        DatasetExecutionError: the file is not delimited text.
    """
    with tempfile.TemporaryFile() as original:
        with open_file() as stream:
            shutil.copyfileobj(stream, original)
        lengths: set[int] = set()
        for line, row in _rows(original, address, encoding, separator):
            if len(row) != width and not lengths - {width}:
                logger.warning(
                    "%r: line %d has %d cells instead of %d. Short rows are filled up with nulls, "
                    "as in v1.", address, line, len(row), width,
                )  # fmt: skip
            lengths.add(len(row))
        longest = max({width} | lengths)
        filled = tempfile.TemporaryFile()  # noqa: SIM115 - pyarrow reads it, and closing removes it
        text = io.TextIOWrapper(filled, "utf-8", newline="", write_through=True)
        writer = csv.writer(text, delimiter=separator, lineterminator="\n")
        for _, row in _rows(original, address, encoding, separator):
            writer.writerow(row + [""] * (longest - len(row)))
        text.detach()
    filled.seek(0)
    return filled, longest


def _rows(
    file: IO[bytes], address: str, encoding: str, separator: str
) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not an empty line, with the number of its last line."""
    file.seek(0)
    lines = io.TextIOWrapper(file, encoding, newline="")
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        for row in filter(None, reader):
            yield reader.line_num, row
    except csv.Error as error:
        raise DatasetExecutionError(
            f"{address!r} cannot be read in this format: line {reader.line_num}: {error}."
        ) from None
    finally:
        lines.detach()  # otherwise the file would be closed with the lines
