"""Turns whole columns of MLflow's database into the values of a record's field."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any

from amlflow.spec import METRIC_FIELDS
from amlflow.tracker_data import parse, read_number, read_text, to_id, to_name

from amlflow_mlflow.metric_numbers import from_stored
from amlflow_mlflow.records import PARENT, USER, end_of, from_ms, start_of, status_of
from amlflow_mlflow.spelling import ALIAS, TYPE, from_tag_value

Column = Sequence[Any]
_TEXT_OR_NULL = {str, type(None)}


def read_column(field: str, run_ids: Column, *columns: Column) -> Column:
    """Return the field's values. ``columns`` are those that :meth:`Where.columns` names for it."""
    name, _, _ = field.partition(".")
    reader = _READERS.get(name)
    return _texts(field, run_ids, columns[0]) if reader is None else reader(run_ids, *columns)


def _texts(field: str, run_ids: Column, values: Column) -> Column:
    """Return a column with only texts and None. Other values become None."""
    if set(map(type, values)) <= _TEXT_OR_NULL:
        return values
    return list(map(read_text, run_ids, repeat(field), values))


def _parse_each(key: str, take: Callable[[str], str]) -> Callable[..., Column]:
    def read_texts(run_ids: Column, texts: Column) -> Column:
        return [
            None if text is None else parse(run_id, key, text, take)
            for run_id, text in zip(run_ids, texts, strict=True)
        ]

    return read_texts


def _of_each(function: Callable[..., Any]) -> Callable[..., Column]:
    """Return a reader that calls ``function`` with the id and values of each run."""
    return lambda *columns: list(map(function, *columns))


_READERS: dict[str, Callable[..., Column]] = {
    "alias": _parse_each(ALIAS, to_id),
    "parent_id": _parse_each(PARENT, to_id),
    "type": _parse_each(TYPE, to_name),
    "status": _of_each(status_of),
    "started": _of_each(start_of),
    "ended": _of_each(end_of),
    "created": lambda _, times: list(map(from_ms, times)),
    "user": lambda ids, tags, users: [
        tag or user or None
        for tag, user in zip(_texts(USER, ids, tags), _texts("user_id", ids, users), strict=True)
    ],
    **dict.fromkeys(
        METRIC_FIELDS,
        lambda ids, values: [
            None if number is None else from_stored(number)
            for number in map(read_number, ids, repeat("a metric"), values)
        ],
    ),
    "tags": lambda ids, values: [
        None if value is None else from_tag_value(value) for value in _texts("tags", ids, values)
    ],
}
"""The readers of those fields whose values are not stored as they are."""
