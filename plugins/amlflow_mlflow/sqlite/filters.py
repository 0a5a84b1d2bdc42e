"""Turns filters and orders that :mod:`amlflow_mlflow.search` makes into SQL.

A filter has clauses of the form ``tags.`key` = 'value'``, joined by AND.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from amlflow_mlflow.records import NAME

_CLAUSE = re.compile(
    r"(?P<table>tags|params|attributes)\.(?:`(?P<key>[^`]*)`|(?P<name>\w+)) "
    r"(?:IS NULL|(?P<operator>=|!=|<=|>=|<|>|LIKE) "
    r"(?P<value>'[^']*'|\"[^\"]*\"|-?\d+))(?: AND |$)"
)
_ORDER = re.compile(r"(tags|params|attributes)\.(?:`([^`]*)`|(\w+)) (ASC|DESC)")
_COLUMNS = {
    "run_id": "r.run_uuid",
    "run_name": "r.name",
    "status": "r.status",
    "start_time": "r.start_time",
    "end_time": "r.end_time",
}


def to_sql(condition: str) -> tuple[list[str], list[Any]]:
    """Turn a filter into clauses on ``runs AS r``, and values. Raises :class:`ValueError`."""
    clauses, values = list[str](), list[Any]()
    for match in find_clauses(_CLAUSE, condition):
        clause, clause_values = _clause(match)
        clauses.append(clause)
        values += clause_values
    return clauses, values


def find_clauses(clause: re.Pattern[str], condition: str) -> Iterator[re.Match[str]]:
    """Yield the clauses of a filter. Raises :class:`ValueError` for any other text."""
    position = 0
    while position < len(condition):
        match = clause.match(condition, position)
        if match is None:
            raise ValueError(f"{condition[position:]!r} is not a clause of a filter.")
        position = match.end()
        yield match


def _clause(match: re.Match[str]) -> tuple[str, list[Any]]:
    table, key, operator = match["table"], match["key"] or match["name"], match["operator"]
    value: Any = match["value"]
    if value is not None:
        value = value[1:-1] if value[0] in "'\"" else int(value)
    if table == "attributes":
        if key != "run_name":
            return f"{_COLUMNS[key]} {operator} ?", [value]
        table, key = "tags", NAME  # as in MLflow, since old runs only have their name in the tag
    keys = f"SELECT run_uuid FROM {table} WHERE key = ?"  # noqa: S608
    if operator is None:
        return f"r.run_uuid NOT IN ({keys})", [key]
    return f"r.run_uuid IN ({keys} AND value {operator} ?)", [key, value]


def to_order_sql(order: Sequence[str]) -> tuple[str, list[Any]]:
    """Return the SQL for ORDER BY, and its values. Raises :class:`ValueError`.

    Runs without a value come last. Runs with equal values are sorted newest first.
    """
    parts, values, by_start = list[str](), list[Any](), False
    for column in order:
        match = _ORDER.fullmatch(column)
        if match is None:
            raise ValueError(f"{column!r} is not an order of runs.")
        table, key, name, direction = match.groups()
        if table == "attributes":
            expression, own_values = _COLUMNS[name], list[Any]()
            by_start = by_start or name == "start_time"
        else:
            expression = f"(SELECT value FROM {table} WHERE run_uuid = r.run_uuid AND key = ?)"  # noqa: S608
            own_values = [key]
        parts += [f"{expression} IS NULL", f"{expression} {direction}"]
        values += [*own_values, *own_values]
    if not by_start:
        parts.append("r.start_time DESC")
    return ", ".join([*parts, "r.run_uuid"]), values
