"""Reads files as one table with pyarrow: delimited text, Parquet, or JSON lines."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from amlflow.data.beginnings import COUNT, check_beginning, open_text
from amlflow.data.definition import ENCODINGS, Definition
from amlflow.data.errors import DatasetExecutionError, explain_errors
from amlflow.data.inference import FALSE, TRUE, infer
from amlflow.data.path_columns import add_paths, with_path_columns
from amlflow.data.ragged import fill_rows
from amlflow.data.storage import DataFile

BLOCK = 1 << 20
"""The number of bytes of delimited text that pyarrow parses at once, as pandas has it."""
LARGE_BLOCK = 64 << 20
"""The same for a file that cannot be parsed in such blocks. A row cannot be longer."""
JSON_BLOCK = 4 << 20
"""The same for JSON lines. A line cannot be longer."""
MAX_BATCH = 64 << 10
"""The most rows of Parquet that are read at once, if not all are needed."""
HEAD = 64 << 10
"""The number of bytes in which a line of column names is looked for."""
_OTHER_LENGTH = re.compile(r"Expected \d+ columns, got \d+")
_CUT_ROW = re.compile(rf"straddles two block boundaries|out of sync|{_OTHER_LENGTH.pattern}")
"""What pyarrow says of a row that is longer than a block, or has a line break where one ends."""


def read_table(
    definition: Definition, files: Sequence[DataFile], columns: Sequence[str] | None = None
) -> pa.Table:
    """Return the rows of all files, in their order, with v1's types of columns.

    ``columns`` are the names of the columns to return, or None for all. The types are inferred from
    all rows.

    Raises:
        DatasetExecutionError: a file cannot be read, or is not of the format.
    """
    reader = _READERS[definition.format]
    options = definition.options
    tables: list[pa.Table] = []
    for file in files:
        tables.append(_read(reader, file, options, _first_names(tables, options)))
    if not any(table.num_columns for table in tables) and definition.format != "parquet":
        raise DatasetExecutionError(f"{files[0].address!r} is empty: it has no row.")
    if definition.format == "delimited" and (clocks := _clock_columns(tables)):
        tables = _as_texts(reader, files, options, clocks)
    table = _join(tables, files, lambda texts: _as_texts(reader, files, options, texts))
    table = add_paths(table, tables, files, definition)
    if definition.format == "delimited":
        table = infer(table, options)  # also the columns that come from paths
    return table.select(columns) if columns is not None else table


def column_names(definition: Definition, files: Sequence[DataFile]) -> list[str]:
    """Return the names of a table's columns. If possible, only the beginning of a file is read.

    Raises:
        DatasetExecutionError: a file cannot be read, or is not of the format.
    """
    options = definition.options
    has_header = options.get("header", "ALL_FILES_HAVE_SAME_HEADERS") != "NO_HEADERS"
    if definition.format == "parquet":
        with explain_errors("Reading", files[0].address), files[0].open() as stream:
            names = pyarrow.parquet.read_schema(stream).names
    elif definition.format == "delimited" and has_header and len(files) == 1:
        names = _unique_names(_header(files[0], options))
    else:
        return list(read_table(definition, files).column_names)
    return with_path_columns(names, definition)


def _clock_columns(tables: Sequence[pa.Table]) -> list[str]:
    """Return the columns that pyarrow takes for times of a day. In v1, they are texts."""
    fields = [field for table in tables for field in table.schema]
    return list(dict.fromkeys(field.name for field in fields if pa.types.is_time32(field.type)))


def _first_names(tables: Sequence[pa.Table], options: Mapping[str, Any]) -> list[str] | None:
    """Return the names of the first file's columns if they hold for the next file, too."""
    if options.get("header") == "COMBINE_ALL_FILES_HEADERS":
        return None
    return next((table.column_names for table in tables if table.num_columns), None)


Reader = Callable[..., pa.Table]


def _read(
    reader: Reader,
    file: DataFile,
    options: Mapping[str, Any],
    names: Sequence[str] | None,
    texts: Sequence[str] = (),
) -> pa.Table:
    with explain_errors("Reading", file.address), ExitStack() as stack:
        local = file.local_path
        stream = str(local) if local is not None else stack.enter_context(file.open())
        try:
            return reader(stream, file, options, names, texts)
        except (pa.ArrowException, UnicodeError) as error:
            raise DatasetExecutionError(_explain(error, file, options)) from error


def _explain(error: Exception, file: DataFile, options: Mapping[str, Any]) -> str:
    text = str(error)
    encoding = options.get("encoding", "utf8")
    check_beginning(file.read_beginning(COUNT), file.address, encoding)
    if "UTF8" in text or "UTF-8" in text or isinstance(error, UnicodeError):
        return (
            f"{file.address!r} is not a text in the encoding {encoding!r}. Pass its encoding, such "
            "as encoding='latin1' or 'windows1252'."
        )
    reason = text.splitlines()[0][:300] if text else "no reason"
    return f"{file.address!r} cannot be read in this format: {reason}"


def _read_delimited(
    stream: Any,
    file: DataFile,
    options: Mapping[str, Any],
    names: Sequence[str] | None,
    texts: Sequence[str],
) -> pa.Table:
    header = options.get("header", "ALL_FILES_HAVE_SAME_HEADERS")
    has_header = header in ("ALL_FILES_HAVE_SAME_HEADERS", "COMBINE_ALL_FILES_HEADERS") or (
        header == "ONLY_FIRST_FILE_HAS_HEADERS" and names is None
    )
    first, lines, has_more = _first_row(file, options, stream)
    if not first:
        return pa.table({})
    cells: list[str] = list(names) if names is not None else first if has_header else []
    if has_header and not has_more:
        # pyarrow takes a line of names without a line break at its end for an error.
        return pa.table(dict.fromkeys(_unique_names(cells), pa.nulls(0)))
    encoding = ENCODINGS[options.get("encoding", "utf8")]
    separator = options.get("separator", ",")

    def parse(
        source: Any, encoding: str, width: int, skipped: int, block: int, has_breaks: bool = True
    ) -> pa.Table:
        return _parse_delimited(
            source,
            encoding,
            _unique_names(cells + [""] * (width - len(cells))),
            skipped,
            options,
            texts,
            block,
            has_breaks,
        )

    whole = (encoding, len(cells or first), lines if has_header else 0)
    has_breaks = (
        options.get("support_multi_line", False)
        or not isinstance(stream, str)
        or encoding != "utf-8"  # then pyarrow's blocks are not those of the file
        or _cuts_quotes(stream)
    )
    try:
        return parse(stream, *whole, BLOCK, has_breaks)
    except pa.ArrowInvalid as error:
        if not _CUT_ROW.search(str(error)):
            raise
    try:
        # A stream is opened again: a thread of pyarrow may still read ahead from the first one.
        with ExitStack() as stack:
            again = stream if isinstance(stream, str) else stack.enter_context(file.open())
            return parse(again, *whole, LARGE_BLOCK)
    except pa.ArrowInvalid as error:
        if not _OTHER_LENGTH.search(str(error)):
            raise
    filled, width = fill_rows(file.open, file.address, encoding, separator, len(cells or first))
    with filled:
        return parse(filled, "utf-8", width, 1 if has_header else 0, LARGE_BLOCK)


def _parse_delimited(
    source: Any,
    encoding: str,
    names: Sequence[str],
    skipped: int,
    options: Mapping[str, Any],
    texts: Sequence[str],
    block: int,
    has_breaks: bool,
) -> pa.Table:
    is_typed = options.get("infer_column_types", True)
    # The user's type is that of the text in the file: as a number, 01 would lose its zero.
    as_texts = {*texts, *options.get("column_types", {})} if is_typed else names
    has_empty_texts = options.get("empty_as_string", False)
    table = pyarrow.csv.read_csv(
        _open_as_it_is(source),
        read_options=pyarrow.csv.ReadOptions(
            column_names=names, skip_rows=skipped, encoding=encoding, block_size=block
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=options.get("separator", ","), newlines_in_values=has_breaks
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={name: pa.string() for name in as_texts},
            null_values=[] if has_empty_texts else [""],
            strings_can_be_null=not has_empty_texts,
            quoted_strings_can_be_null=False,
            true_values=TRUE,
            false_values=FALSE,
        ),
    )
    if any(pa.types.is_binary(field.type) for field in table.schema):
        raise UnicodeError("pyarrow makes bytes of a column that is not UTF-8")
    return table


def _open_as_it_is(source: Any) -> Any:
    """Open a local file. From its path, pyarrow would decompress a file that is named ``x.gz``."""
    return pa.OSFile(source) if isinstance(source, str) else source


def _cuts_quotes(path: str) -> bool:
    """Return whether a block of a local file ends at a line break in quotes.

    Each thread of pyarrow takes the end of its block for the end of a row, unless it looks for such
    line breaks, which takes a third more time. It does not notice if both parts of the row have the
    right number of cells. Before a line break outside of quotes, the number of quotes is even.
    """
    block = bytearray(BLOCK)
    quotes = 0
    with open(path, "rb") as file:
        left = os.fstat(file.fileno()).st_size
        while left > BLOCK and file.readinto(block) == BLOCK:  # the last block ends with the file
            end = max(block.rfind(b"\n"), block.rfind(b"\r")) + 1
            quotes += int(np.count_nonzero(np.frombuffer(block, np.uint8) == ord('"')))
            if (quotes - block.count(b'"', end)) % 2:
                return True
            left -= BLOCK
    return False


def _first_row(
    file: DataFile, options: Mapping[str, Any], stream: Any = None
) -> tuple[list[str], int, bool]:
    """Return the cells of the first row, as Python's module csv reads them, and where it ends.

    The end is a number of lines, and whether text follows them. As in v1, empty lines are passed
    over, and blanks around a cell are left out. An empty file has no cells.

    If the caller has opened the file, pass it as ``stream``, because opening a file again may fetch
    it again. Afterwards, the stream is at its beginning.
    """
    encoding = options.get("encoding", "utf8")
    with ExitStack() as stack:
        is_open = hasattr(stream, "seekable") and stream.seekable()
        source = stream if is_open else stack.enter_context(file.open())
        lines = stack.enter_context(open_text(source, file.address, encoding))
        try:
            reader = csv.reader(lines, delimiter=options.get("separator", ","))
            row: list[str] = next(filter(None, reader), [])
            return [cell.strip() for cell in row], reader.line_num, bool(lines.read(1))
        except csv.Error as error:
            raise DatasetExecutionError(
                f"{file.address!r} is not delimited text: {error}."
            ) from None
        finally:
            if is_open:
                stream.seek(0)


def _header(file: DataFile, options: Mapping[str, Any]) -> list[str]:
    """Return the cells of the first line, and read the whole file only if the line is very long."""
    beginning = file.read_beginning(HEAD)
    text = beginning.decode(ENCODINGS[options.get("encoding", "utf8")], "ignore").lstrip("\r\n")
    # The line is complete if its end, or the end of the file, is in the beginning.
    has_line = len(beginning) < HEAD or (
        not options.get("support_multi_line", False) and ("\n" in text or "\r" in text)
    )
    return _first_row(file, options, io.BytesIO(beginning) if has_line else None)[0]


def _unique_names(cells: Sequence[str]) -> list[str]:
    """Return v1's names of columns: ``Column3`` without a name, ``a_1`` for a second ``a``.

    The number counts all names that are taken, of whichever column.
    """
    names: dict[str, None] = {}
    taken = 0
    for index, cell in enumerate(cells):
        name = cell or _column_name(index)
        while name in names:
            taken += 1
            name = f"{name}_{taken}"
        names[name] = None
    return list(names)


def _column_name(index: int) -> str:
    return f"Column{index + 1}"


def _read_parquet(
    stream: Any,
    file: DataFile,
    options: Mapping[str, Any],
    names: Sequence[str] | None,
    texts: Sequence[str],
) -> pa.Table:
    if file.rows is None:
        table = pyarrow.parquet.read_table(stream, partitioning=None)
    else:
        try:
            table = _read_first_rows(stream, file.rows)
        except pa.ArrowNotImplementedError:  # a batch of several groups of some nested types
            table = pyarrow.parquet.read_table(stream, partitioning=None)[: file.rows]
    return _cast_texts(table, texts)


def _read_first_rows(stream: Any, count: int) -> pa.Table:
    batches: list[pa.RecordBatch] = []
    with pyarrow.parquet.ParquetFile(stream, buffer_size=BLOCK) as file:
        if count:
            left = count
            for batch in file.iter_batches(batch_size=min(count, MAX_BATCH)):
                batches.append(batch[:left])
                left -= len(batches[-1])
                if not left:
                    break
        return pa.Table.from_batches(batches, file.schema_arrow)


def _read_json_lines(
    stream: Any,
    file: DataFile,
    options: Mapping[str, Any],
    names: Sequence[str] | None,
    texts: Sequence[str],
) -> pa.Table:
    is_copied = options.get("invalid_lines") == "drop" or options.get("encoding", "utf8") != "utf8"

    def parse(schema: pa.Schema | None, is_first: bool) -> pa.Table:
        with ExitStack() as stack:
            source = stream
            if is_copied:
                source = stack.enter_context(_valid_lines(file, options))
            elif not is_first and not isinstance(stream, str):
                source = stack.enter_context(file.open())  # the stream was read to its end
            return pyarrow.json.read_json(
                _open_as_it_is(source),
                read_options=pyarrow.json.ReadOptions(block_size=JSON_BLOCK),
                parse_options=pyarrow.json.ParseOptions(explicit_schema=schema),
            )

    try:
        table = parse(None, is_first=True)
    except pa.ArrowInvalid as error:
        if "Empty JSON file" in str(error):
            return pa.table({})
        raise
    # In v1, the times of JSON are texts. pyarrow makes timestamps of them.
    types = {field.name: _times_as_texts(field.type) for field in table.schema}
    times = [
        pa.field(*item) for item in types.items() if item[1] != table.schema.field(item[0]).type
    ]
    if times:
        table = parse(pa.schema(times), is_first=False)
    return _cast_texts(table, texts)


def _times_as_texts(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind):
        return pa.string()
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, _times_as_texts(field.type)) for field in kind])
    if pa.types.is_list(kind):
        return pa.list_(_times_as_texts(kind.value_type))
    return kind


def _valid_lines(file: DataFile, options: Mapping[str, Any]) -> IO[bytes]:
    """Return the file in UTF-8. With ``invalid_lines="drop"``, lines that are not JSON objects are
    left out."""
    valid = tempfile.TemporaryFile()  # noqa: SIM115 - pyarrow reads it, and closing removes it
    encoding = options.get("encoding", "utf8")
    with file.open() as stream, open_text(stream, file.address, encoding) as lines:
        for line in lines:
            if options.get("invalid_lines") == "drop":
                try:
                    if not isinstance(json.loads(line), dict):
                        continue
                except (ValueError, RecursionError):
                    continue
            valid.write(line.encode())
    valid.seek(0)
    return valid


def _cast_texts(table: pa.Table, texts: Sequence[str]) -> pa.Table:
    """Return the table with texts in these columns, as far as it has them."""
    names = frozenset(texts)
    schema = [pa.field(f.name, pa.string()) if f.name in names else f for f in table.schema]
    return table.cast(pa.schema(schema, table.schema.metadata))


_READERS: Mapping[str, Reader] = {
    "delimited": _read_delimited,
    "parquet": _read_parquet,
    "json-lines": _read_json_lines,
}


def _join(
    tables: Sequence[pa.Table],
    files: Sequence[DataFile],
    read_texts: Callable[[Sequence[str]], list[pa.Table]],
) -> pa.Table:
    """Join tables to one. A column that has different types in different files becomes text."""
    if len(tables) == 1:
        return tables[0]
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        types: dict[str, set[pa.DataType]] = {}
        for table in tables:
            for field in table.schema:
                types.setdefault(field.name, set()).add(field.type)
        mixed = [name for name, kinds in types.items() if len(kinds - {pa.null()}) > 1]
        return pa.concat_tables(read_texts(mixed), promote_options="permissive")


def _as_texts(
    reader: Reader, files: Sequence[DataFile], options: Mapping[str, Any], texts: Sequence[str]
) -> list[pa.Table]:
    tables: list[pa.Table] = []
    for file in files:
        tables.append(_read(reader, file, options, _first_names(tables, options), texts))
    return tables
