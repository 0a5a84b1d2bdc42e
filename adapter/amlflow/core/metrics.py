"""Values that v1 code logs, as points of the contract, and points as ``get_metrics`` shows them."""

from __future__ import annotations

import json
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from amlflow.exceptions import UserErrorException
from amlflow.spec import Kind, Point

FILE_KINDS = frozenset(
    {
        Kind.IMAGE,
        Kind.ACCURACY_TABLE,
        Kind.CONFUSION_MATRIX,
        Kind.PREDICTIONS,
        Kind.RESIDUALS,
    }
)
"""Kinds whose value is the name of a file of the run."""


def scalar(value: Any, what: str) -> bool | int | float | str | None:
    """The value as a plain Python scalar; numpy's scalars keep their meaning.

    Raises:
        UserErrorException: it is not a scalar; ``what`` says which value that is.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # of an enum that is a text, too, the text itself
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    # numpy, torch and others without importing them: a single value knows itself as Python's.
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        plain = value.item()
        if isinstance(plain, (bool, int, float, str)):
            return plain
        if isinstance(plain, numbers.Real):  # numpy's longdouble, which Python has not
            return float(plain)
    if isinstance(value, (list, tuple, range, set, frozenset)) or (
        isinstance(value, Iterable) and not isinstance(value, (Mapping, bytes))
    ):
        raise UserErrorException(
            f"{what} is a {type(value).__name__}, and a metric's value is a single number, text, "
            "bool or None; log several values with run.log_list()."
        )
    raise UserErrorException(
        f"{what} is of type {type(value).__name__}, which cannot be logged: a metric's value is a "
        "number, text, bool or None. Convert it, or store it as a file with run.upload_file()."
    )


def listed(value: Any, name: str) -> list[Any]:
    """The elements of a list metric; generators are read to their end."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise UserErrorException(
            f"log_list({name!r}) takes a list or another iterable of values, and got a "
            f"{type(value).__name__}; log a single value with run.log()."
        )
    return [scalar(each, f"Element {at} of {name!r}") for at, each in enumerate(value)]


def row(columns: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The cells of a row, one for each column."""
    if not columns:
        raise UserErrorException(
            f"log_row({name!r}) got no columns; give them by name: log_row({name!r}, x=1, y=2)."
        )
    return {
        column: scalar(cell, f"Column {column!r} of the row {name!r}")
        for column, cell in columns.items()
    }


def table(value: Any, name: str) -> dict[str, list[Any]]:
    """The columns of a table, all equally long; a single value is a column of one row, as in v1."""
    if not isinstance(value, Mapping):
        raise UserErrorException(
            f"log_table({name!r}) takes a dict of column names to lists, and got a "
            f"{type(value).__name__}."
        )
    columns: dict[str, list[Any]] = {}
    for column, cells in value.items():
        if isinstance(cells, (str, bytes, Mapping)) or not isinstance(cells, Iterable):
            cells = [cells]
        columns[str(column)] = [
            scalar(cell, f"Row {at} of column {column!r} in the table {name!r}")
            for at, cell in enumerate(cells)
        ]
    lengths = {column: len(cells) for column, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        raise UserErrorException(
            f"The columns of the table {name!r} are not equally long: "
            + ", ".join(f"{column!r} has {length}" for column, length in lengths.items())
            + "."
        )
    return columns


def document(value: Any, kind: Kind, name: str) -> dict[str, Any]:
    """A confusion matrix, accuracy table, residuals or predictions, in v1's JSON schema.

    Source: the ``log_*`` methods of v1's Run; ``schema_type``, ``schema_version`` and ``data``.
    v1 takes any version, and its own documentation names "1.0.0" and "1.0.1".
    """
    call = f"log_{kind.value}({name!r})"
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError as error:
            raise UserErrorException(
                f"{call} got text that is not JSON: {error.msg} at line {error.lineno}, column "
                f"{error.colno}."
            ) from None
    if not isinstance(value, Mapping):
        raise UserErrorException(
            f"{call} takes a dict or its JSON text, and got a {type(value).__name__}."
        )
    missing = [key for key in ("schema_type", "schema_version", "data") if key not in value]
    if missing:
        raise UserErrorException(f"{call} got a value without {' and '.join(map(repr, missing))}.")
    if value["schema_type"] != kind.value:
        raise UserErrorException(
            f"{call} got a value whose schema_type is {value['schema_type']!r} instead of "
            f"{kind.value!r}."
        )
    return dict(value)


def shapes(points: Iterable[Point], content: Callable[[Point], Any]) -> dict[str, Any]:
    """Metrics as v1's ``get_metrics`` returns them, from points in their order.

    ``content`` gives what stands for a point whose value is a file.
    """
    by_name: dict[str, list[Point]] = {}
    for point in points:
        by_name.setdefault(point.name, []).append(point)
    return {name: _shape(group, content) for name, group in by_name.items()}


def _shape(points: Sequence[Point], content: Callable[[Point], Any]) -> Any:
    kinds = {point.kind for point in points}
    if kinds <= {Kind.ROW, Kind.TABLE}:
        return _columns(points)
    values: list[Any] = []
    for point in points:
        if point.kind is Kind.LIST:
            values += point.value
        elif point.kind in FILE_KINDS:
            values.append(content(point))
        else:
            values.append(point.value)
    return values[0] if len(points) == 1 and Kind.LIST not in kinds else values


def _columns(points: Sequence[Point]) -> dict[str, Any]:
    """Rows below each other; a column that a row lacks is None there."""
    names = dict.fromkeys(column for point in points for column in point.value)
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for point in points:
        cells = {
            column: value if point.kind is Kind.TABLE else [value]
            for column, value in point.value.items()
        }
        length = max((len(each) for each in cells.values()), default=0)
        for name, column in columns.items():
            column += cells.get(name, [None] * length)
    rows = max((len(column) for column in columns.values()), default=0)
    if rows == 1:
        return {name: column[0] for name, column in columns.items()}
    return dict(columns)
