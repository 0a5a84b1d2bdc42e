"""Converts values that v1 code logs into points of the contract, and points into v1's metrics."""

from __future__ import annotations

import inspect
import json
import logging
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import FunctionType, GeneratorType, MethodType
from typing import Any

from amlflow.exceptions import UserErrorException
from amlflow.plain_json import to_json
from amlflow.spec import Kind, Point

logger = logging.getLogger("amlflow")

FILE_KINDS = frozenset(
    {
        Kind.IMAGE,
        Kind.ACCURACY_TABLE,
        Kind.CONFUSION_MATRIX,
        Kind.PREDICTIONS,
        Kind.RESIDUALS,
    }
)
"""Kinds of metrics whose value is the name of a file of the run."""


class _NoScalar(Exception):
    """The value is not a single number, text, bool or None."""


def value_or_text(value: Any, name: str) -> bool | int | float | str | None:
    """Return the value that ``run.log`` stores.

    A scalar is stored as it is. For any other object, its ``repr`` is stored, with a warning.

    Raises:
        UserErrorException: the value is a list, a range or a generator, as in v1.
    """
    try:
        return _plain(value)
    except _NoScalar:
        pass
    if isinstance(value, (list, range, GeneratorType)) or _is_generator_function(value):
        raise UserErrorException(
            f"The value of {name!r} is a {type(value).__name__}, and run.log() takes a single "
            "value; log several values with run.log_list()."
        )
    text = text_of(value, repr)
    logger.warning(
        "run.log(%r): a value of type %s is stored as the text %.200s",
        name, type(value).__name__, text,
    )  # fmt: skip
    return text


def _is_generator_function(value: Any) -> bool:
    # From Python 3.13 on, inspect asks any object for an attribute, which may raise anything.
    is_function = isinstance(value, (FunctionType, MethodType, partial))
    return is_function and inspect.isgeneratorfunction(value)


def text_of(value: Any, form: Callable[[Any], str]) -> str:
    """Return a value's text, even if its class raises an error when asked for one."""
    try:
        text = form(value)
    except Exception as error:  # noqa: BLE001 - a class may raise anything
        return f"<{type(value).__name__} whose text cannot be made: {type(error).__name__}>"
    # Invalid Unicode cannot be sent.
    return text.encode(errors="backslashreplace").decode()


def scalar(value: Any, what: str) -> bool | int | float | str | None:
    """Return the value as a plain Python scalar. A scalar of numpy is converted.

    ``what`` names the value in the message of an error.

    Raises:
        UserErrorException: the value is not a scalar.
    """
    try:
        return _plain(value)
    except _NoScalar:
        raise UserErrorException(
            f"{what} is a {type(value).__name__}, and has to be a single number, text, bool or "
            "None. Convert it, or log its text: repr(value)."
        ) from None


def _plain(value: Any) -> bool | int | float | str | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # a member of a text enum becomes its text
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    # Scalars of numpy, torch and others convert themselves, so none of these is imported.
    try:
        single = hasattr(value, "item") and tuple(value.shape) == ()
        plain = value.item() if single else None
    except Exception:  # noqa: BLE001 - any class may have members of these names
        raise _NoScalar from None
    if isinstance(plain, (bool, int, float, str)):
        return plain
    if isinstance(plain, numbers.Real):  # Python has no numpy.longdouble
        return float(plain)
    raise _NoScalar


def to_list(value: Any, name: str) -> list[Any]:
    """Return the elements of a list metric. A generator is read to its end. A dict gives its keys.

    Raises:
        UserErrorException: the value is not a list or another iterable, or an element is not a
            scalar.
    """
    if not _is_list(value):
        raise UserErrorException(
            f"log_list({name!r}) takes a list or another iterable of values, and got a "
            f"{type(value).__name__}; log a single value with run.log()."
        )
    return [scalar(element, f"Element {index} of {name!r}") for index, element in enumerate(value)]


def _is_list(value: Any) -> bool:
    """Whether an object holds several values. An array without dimensions is a single value."""
    is_iterable = isinstance(value, Iterable) and not isinstance(value, (str, bytes))
    return is_iterable and getattr(value, "shape", None) != ()


def row(columns: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the cells of a row, one for each column."""
    if not columns:
        raise UserErrorException(
            f"log_row({name!r}) got no columns; give them by name: log_row({name!r}, x=1, y=2)."
        )
    return {
        column: scalar(cell, f"Column {column!r} of the row {name!r}")
        for column, cell in columns.items()
    }


def table(value: Any, name: str) -> dict[str, list[Any]]:
    """Return the columns of a table, all of equal length. A single value is a column of one row."""
    if not isinstance(value, Mapping):
        raise UserErrorException(
            f"log_table({name!r}) takes a dict of column names to lists, and got a "
            f"{type(value).__name__}."
        )
    columns: dict[str, list[Any]] = {}
    for column, cells in value.items():
        if isinstance(cells, Mapping) or not _is_list(cells):
            cells = [cells]
        columns[str(column)] = [
            scalar(cell, f"Row {index} of column {column!r} in the table {name!r}")
            for index, cell in enumerate(cells)
        ]
    lengths = {column: len(cells) for column, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        raise UserErrorException(
            f"The columns of the table {name!r} are not equally long: "
            + ", ".join(f"{column!r} has {length}" for column, length in lengths.items())
            + "."
        )
    return columns


def document(value: Any, kind: Kind, name: str) -> str:
    """Return a confusion matrix, accuracy table, residuals or predictions as JSON text.

    v1 describes a schema for each of them, but does not check it. amlflow does not either.

    Raises:
        UserErrorException: a text is not JSON.
    """
    call = f"log_{kind.value}({name!r})"
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise UserErrorException(f"{call} got text that is not JSON: {error}.") from None
    try:
        return to_json(value)
    except RecursionError:
        raise UserErrorException(
            f"{call} got a {type(value).__name__} that holds itself, or is nested too deeply."
        ) from None


def shapes(points: Iterable[Point], content: Callable[[Point], Any]) -> dict[str, Any]:
    """Convert points, in their order, to the metrics that v1's ``get_metrics`` returns.

    ``content`` returns the value for a point whose value is a file.
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
    """Convert rows to columns. If a row lacks a column, its cell is None."""
    names = dict.fromkeys(column for point in points for column in point.value)
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for point in points:
        cells = {
            column: value if point.kind is Kind.TABLE else [value]
            for column, value in point.value.items()
        }
        length = max((len(values) for values in cells.values()), default=0)
        for name, column in columns.items():
            column += cells.get(name, [None] * length)
    rows = max((len(column) for column in columns.values()), default=0)
    if rows == 1:
        return {name: column[0] for name, column in columns.items()}
    return dict(columns)
