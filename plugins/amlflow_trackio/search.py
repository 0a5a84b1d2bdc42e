"""Turns conditions into SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from amlflow.spec import Condition, Op
from amlflow.times import to_microseconds

from amlflow_trackio.records import COLUMNS

_FIELDS = frozenset(COLUMNS.split(", "))
_TABLES = frozenset({"tags", "properties", "system"})

_COMPARED = {
    Op.EQ: "value = ?",
    Op.NE: "value != ?",
    # instr, since LIKE ignores case and substr ends at a NUL.
    Op.STARTS_WITH: "instr(value, ?) = 1",
    Op.CONTAINS: "instr(value, ?) > 0",
    Op.GE: "value >= ?",
    Op.LE: "value <= ?",
}


def to_where(conditions: Sequence[Condition]) -> tuple[str, list[object]]:
    """Return an SQL expression on ``runs`` for the conditions, and its parameters.

    Conditions that the database cannot express are left out.
    """
    clauses, parameters = ["TRUE"], []
    for condition in conditions:
        clause = _clause(condition)
        if clause is not None:
            clauses.append(clause[0])
            parameters += clause[1]
    return " AND ".join(clauses), parameters


def _clause(condition: Condition) -> tuple[str, list[object]] | None:
    value: object = condition.value
    if isinstance(value, datetime):
        value = to_microseconds(value)
    if condition.key is not None:
        return _entry_clause(condition, value) if condition.field in _TABLES else None
    if condition.field not in _FIELDS:
        return None
    if condition.field == "alias" and condition.op in (Op.NE, Op.LACKS):
        return None  # it also holds for an alias that counts as absent
    column = f"runs.{condition.field}"
    if condition.op is Op.HAS:
        return f"{column} IS NOT NULL", []
    if condition.op is Op.LACKS:
        return f"{column} IS NULL", []
    if condition.op is Op.NE:
        return f"({column} IS NULL OR {column} IS NOT ?)", [value]
    if value is None:
        return "FALSE", []
    comparison = _COMPARED[condition.op].replace("value", column)
    return f"({column} IS NOT NULL AND {comparison})", [value]


def _entry_clause(condition: Condition, value: object) -> tuple[str, list[object]]:
    negated = condition.op in (Op.LACKS, Op.NE)
    parameters: list[object] = [condition.key]
    if condition.op in (Op.HAS, Op.LACKS):
        comparison = ""
    elif condition.op in (Op.EQ, Op.NE):
        comparison = " AND value IS ?"
        parameters.append(value)
    elif value is None:
        return "FALSE", []
    else:
        comparison = f" AND {_COMPARED[condition.op]}"
        parameters.append(value)
    exists = (
        f"EXISTS (SELECT 1 FROM {condition.field} AS kept WHERE kept.run_id = runs.id"  # noqa: S608
        f" AND kept.key = ?{comparison})"
    )
    return (f"NOT {exists}" if negated else exists), parameters
