"""v1's types of a delimited file's columns: whole numbers, floats, booleans, times, or texts.

The rules come from tests of azureml-dataprep 5.5 with files of each kind. There is one difference:
v1 infers a type from the first 200 rows, and later values that do not fit become null. amlflow
infers the type from all rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from amlflow.exceptions import UserErrorException

TRUE = ["true", "True", "TRUE", "t", "T", "Y", "Yes", "YES", "1"]
FALSE = ["false", "False", "FALSE", "f", "F", "N", "No", "NO", "0"]
_NUMBER = re.compile(r"\s*[+-]?(\d+(?:\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*")
_TIMES = tuple(
    (re.compile(expression), formats)
    for expression, formats in (
        (r"\d{4}-\d{1,2}-\d{1,2}", ("%Y-%m-%d",)),
        (r"\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d{2}:\d{2}", ("%Y-%m-%d %H:%M:%S",)),
        (r"\d{4}/\d{1,2}/\d{1,2}", ("%Y/%m/%d",)),
        (r"\d{4}/\d{1,2}/\d{1,2} \d{1,2}:\d{2}:\d{2}", ("%Y/%m/%d %H:%M:%S",)),
        (r"\d{1,2}/\d{1,2}/\d{4}", ("%m/%d/%Y", "%d/%m/%Y")),
        (r"\d{1,2}/\d{1,2}/\d{2}", ("%m/%d/%y", "%d/%m/%y")),
        (r"\d{1,2}-\d{1,2}-\d{4}", ("%m-%d-%Y", "%d-%m-%Y")),
        (r"\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d{2}", ("%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M")),
        (r"\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d{2}:\d{2}", ("%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S")),
        (
            r"(?i)\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d{2} [ap]m",
            ("%m/%d/%Y %I:%M %p", "%d/%m/%Y %I:%M %p"),
        ),
        (
            r"(?i)\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d{2}:\d{2} [ap]m",
            ("%m/%d/%Y %I:%M:%S %p", "%d/%m/%Y %I:%M:%S %p"),
        ),
        (r"\d{1,2}-[A-Za-z]{3}-\d{4}", ("%d-%b-%Y",)),
        (r"\d{1,2}-[A-Za-z]{3}-\d{2}", ("%d-%b-%y",)),
    )
)
"""Forms of times that pyarrow does not infer, each with its formats for strptime. The first format
that fits all values is used. If day and month are ambiguous, the month comes first, as in v1."""
CLOCK = pa.timestamp("ns")


def infer(table: pa.Table, options: Mapping[str, Any]) -> pa.Table:
    """Return the table with v1's types. Before, pyarrow has inferred its own types."""
    declared: Mapping[str, Any] = options.get("column_types", {})
    if options.get("infer_column_types", True):
        columns = [
            column if name in declared else _infer_column(column)
            for name, column in zip(table.column_names, table.columns, strict=True)
        ]
        table = _with_columns(table, columns)
    return set_types(table, declared)


def set_types(table: pa.Table, declared: Mapping[str, Any]) -> pa.Table:
    """Return the table with the user's types. A name that is not a column is ignored."""
    columns = [
        convert(column, declared[name]) if name in declared else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    return _with_columns(table, columns)


def _with_columns(table: pa.Table, columns: Sequence[pa.ChunkedArray]) -> pa.Table:
    """Return the table with other values. ``Table.set_column`` copies all columns for each one."""
    schema = pa.schema(
        [
            field if field.type == column.type else pa.field(field.name, column.type)
            for field, column in zip(table.schema, columns, strict=True)
        ],
        table.schema.metadata,
    )
    return pa.Table.from_arrays(columns, schema=schema)


def _infer_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_int64(kind):
        bounds = pc.min_max(column)
        is_flag = (
            bounds["min"].is_valid and bounds["min"].as_py() >= 0 and bounds["max"].as_py() <= 1
        )
        return column.cast(pa.bool_()) if is_flag else column
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _from_texts(column)
    return to_clock(column)


def to_clock(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Convert times to times in UTC without a zone, as in v1. Other columns stay as they are."""
    if not pa.types.is_date(column.type) and not pa.types.is_timestamp(column.type):
        return column
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        column = column.cast(pa.timestamp(column.type.unit, "UTC")).cast(
            pa.timestamp(column.type.unit)
        )
    try:
        return column.cast(CLOCK)
    except pa.ArrowInvalid:  # nanoseconds do not have this range
        return column.cast(pa.timestamp("us"))


def _from_texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Convert texts to numbers (with a sign or blanks), booleans (with blanks) or times (not in
    ISO's form) if all fit."""
    first = _first_value(column)
    if first is None:
        return column
    if first.strip() in (*TRUE, *FALSE):
        flags = _flags(column)
        if flags.null_count == column.null_count:
            return flags
    if _NUMBER.fullmatch(first):
        return _numbers(column)
    for expression, formats in _TIMES:
        if expression.fullmatch(first):
            return _times(column, formats)
    return column


def _first_value(column: pa.ChunkedArray) -> str | None:
    for chunk in column.chunks:
        valid = chunk.drop_null()
        if len(valid):
            return str(valid[0].as_py())
    return None


def _flags(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Convert texts to booleans. A text that is neither true nor false becomes null."""
    trimmed = pc.utf8_trim_whitespace(column)
    is_true = pc.is_in(trimmed, value_set=pa.array(TRUE))
    is_false = pc.is_in(trimmed, value_set=pa.array(FALSE))
    return pc.if_else(pc.or_(is_true, is_false), is_true, pa.scalar(None, pa.bool_()))


def _numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    trimmed = pc.replace_substring_regex(pc.utf8_trim_whitespace(column), r"^\+", "")
    for kind in (pa.int64(), pa.float64()):
        try:
            return trimmed.cast(kind)
        except pa.ArrowInvalid:
            continue
    return column


def _times(column: pa.ChunkedArray, formats: tuple[str, ...]) -> pa.ChunkedArray:
    for form in formats:
        try:
            return _to_times(column, form)
        except (ValueError, pa.ArrowInvalid):
            continue
    return column


def _to_times(column: pa.ChunkedArray, form: str | None) -> pa.ChunkedArray:
    # pandas reads AM and PM, and years of two digits. pyarrow does not.
    import pandas as pd

    times = pd.to_datetime(column.to_pandas(), format=form or "ISO8601", utc=True)
    if times.isna().sum() != column.null_count:
        raise ValueError("pandas takes a word such as NaN for a missing time; v1 does not")
    return pa.chunked_array([pa.Array.from_pandas(times.dt.tz_localize(None))]).cast(CLOCK)


def convert(column: pa.ChunkedArray, kind: Mapping[str, Any]) -> pa.ChunkedArray:
    """Convert a column to the user's type. A value that does not fit becomes null, as in v1.

    Raises:
        UserErrorException: the type does not exist.
    """
    # pandas can convert with nulls for values that do not fit.
    import numpy
    import pandas as pd

    name = kind.get("type")
    if name == "string":
        return column.cast(pa.string())
    series = column.to_pandas()
    if name in ("long", "float"):
        if name == "float" and kind.get("decimal_mark") == ",":
            series = series.astype("str").str.replace(",", ".")
        numbers = pd.to_numeric(series, errors="coerce")
        if name == "long":
            # v1 cuts off the decimals.
            numbers = numbers.astype("int64") if numbers.notna().all() else numpy.trunc(numbers)
        elif name == "float":
            numbers = numbers.astype("float64")
        return pa.chunked_array([pa.Array.from_pandas(numbers)])
    if name == "bool":
        return _flags(column.cast(pa.string()))
    if name == "datetime":
        return _parse_times(series, kind.get("formats"))
    raise UserErrorException(
        f"{name!r} is not a type of a column; azureml.data.DataType has to_string(), to_long(), "
        "to_float(), to_bool() and to_datetime()."
    )


def _parse_times(series: Any, formats: Any) -> pa.ChunkedArray:
    import pandas as pd  # for the reason in convert

    first, *others = formats or ["ISO8601"]
    times: Any = pd.to_datetime(series, format=first, utc=True, errors="coerce")
    for form in others:
        times = times.fillna(pd.to_datetime(series, format=form, utc=True, errors="coerce"))
    return pa.chunked_array([pa.Array.from_pandas(times.dt.tz_localize(None))]).cast(CLOCK)
