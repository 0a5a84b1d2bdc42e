"""Turns conditions into MLflow's filter language. A filter is never stricter than the conditions.

MLflow has AND, and ``= != LIKE ILIKE IS (NOT) NULL`` for tags and params. It does not have OR, nor
an escape character in LIKE. Conditions that it cannot express are left out, because the tracker
checks every condition again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from amlflow.spec import METRIC_FIELDS, Condition, Op, Order, Refused
from amlflow.times import EARLIEST, LATEST

from amlflow_mlflow.metric_numbers import LARGEST, to_stored
from amlflow_mlflow.records import DESCRIPTION, MLFLOW_STATUS, PARENT, USER, to_ms
from amlflow_mlflow.spelling import (
    ALIAS,
    FIRST_PROPERTIES,
    PROPERTY,
    ROOT,
    SYSTEM,
    TYPE,
    to_key,
    to_tag_value,
)

Value = str | datetime | float | None
"""The value with which a condition compares."""

_TAG_FIELDS = {"alias": ALIAS, "parent_id": PARENT, "description": DESCRIPTION, "type": TYPE}

_NO_KEY = re.compile(r"^$|[^/\w.\- :]")
"""Keys that MLflow never accepts, and that its filters cannot quote."""
_NULL = re.compile(" IS NULL$")
_TIMES = {"created": "start_time", "ended": "end_time"}
UNSORTED = frozenset({"duration", "metrics_min", "metrics_max", "metrics_first"})
"""The fields by which MLflow's search cannot sort."""
_ENDS = ("FINISHED", "FAILED", "KILLED")


def to_filter(conditions: Iterable[Condition], *, filters_null: bool = True) -> str:
    """Make a filter for ``search_runs``. It finds all runs that match, and perhaps others.

    ``filters_null`` is whether the store knows ``IS NULL``. Without it, the filter finds more runs.
    """
    conditions = list(conditions)
    clauses = [_clause(condition) for condition in conditions]
    if any(
        condition.field == "parent_id" and condition.op in (Op.EQ, Op.HAS)
        for condition in conditions
    ):
        # Only a child run has the tag. A root run does not have it, although it is its own root.
        clauses += [_root(condition) for condition in conditions if condition.field == "root_id"]
    return " AND ".join(
        dict.fromkeys(
            clause for clause in clauses if clause and (filters_null or not _NULL.search(clause))
        )
    )


def is_sorted(order: Order) -> bool:
    """Whether MLflow's search can sort by the field of an order."""
    is_first = order.field == "properties" and order.key in FIRST_PROPERTIES  # a tag, or a param
    return not (order.field in UNSORTED or is_first)


def to_order(order: Order | None) -> list[str]:
    """Make the order for ``search_runs``. MLflow sorts runs with equal values newest first."""
    if order is None:
        return ["attributes.start_time DESC"]
    try:
        return [f"{_order_column(order.field, order.key)} {'DESC' if order.descending else 'ASC'}"]
    except Refused:  # no run can have such a key
        return to_order(None)


def _order_column(field: str, key: str | None) -> str:
    if key is None:
        return {
            "name": "attributes.run_name",
            "created": "attributes.start_time",
            "ended": "attributes.end_time",
            "description": f"tags.`{DESCRIPTION}`",
            "user": f"tags.`{USER}`",
        }[field]
    if field == "metrics":
        return f"metrics.`{to_key(key)}`"
    if field == "params":
        if _NO_KEY.search(key):
            raise Refused(f"No param has the key {key!r} in MLflow.")
        return f"params.`{key}`"
    if field == "properties":
        return f"params.`{to_key(key, PROPERTY)}`"
    return f"tags.`{SYSTEM}{key}`" if field == "system" else f"tags.`{to_key(key)}`"


def _clause(condition: Condition) -> str | None:
    field, op, value, key = condition.field, condition.op, condition.value, condition.key
    if key is not None:
        try:
            if field == "metrics":
                return _number(to_key(key), op, value)
            if field in METRIC_FIELDS:  # MLflow filters by the last numbers only
                return None
            if field == "tags":
                return _text(f"tags.`{to_key(key)}`", op, _tag_value(op, key, value))
            if field == "system":
                return _text(f"tags.`{SYSTEM}{key}`", op, value)
            if field == "properties" and key in FIRST_PROPERTIES:  # a tag, or a param
                return None
            if field == "params":  # a key of MLflow's users, so it is not encoded
                return None if _NO_KEY.search(key) else _text(f"params.`{key}`", op, value)
            return _text(f"params.`{to_key(key, PROPERTY)}`", op, value)
        except Refused:  # no run can have such a key, so the tracker's own check finds none
            return None
    if field == "alias" and op in (Op.NE, Op.LACKS):
        return None  # it also holds for an alias that counts as absent
    if field in _TAG_FIELDS:
        return _text(f"tags.`{_TAG_FIELDS[field]}`", op, value)
    if field == "status":
        return _status(op, value)
    if field == "name":
        return _text("attributes.run_name", op, value) if op not in (Op.HAS, Op.LACKS) else None
    if field == "id" and op is Op.EQ:
        return _text("attributes.run_id", op, value)
    if field in _TIMES and op in (Op.GE, Op.LE) and isinstance(value, datetime):
        if not EARLIEST < value < LATEST:  # these two stand for all earlier, or later, times
            return None
        return f"attributes.{_TIMES[field]} {op.value} {to_ms(value)}"
    return None


def _number(key: str, op: Op, value: Value) -> str | None:
    if op in (Op.NE, Op.LACKS):
        return None
    if op is Op.HAS or not isinstance(value, float):
        op, value = Op.GE, -LARGEST
    # MLflow cannot read a plus sign in an exponent.
    number = repr(to_stored(value)).replace("e+", "e")
    return f"metrics.`{key}` {op.value} {number}"


def _tag_value(op: Op, key: str, value: Value) -> Value:
    """Return the value to compare a tag with. For equality, it is encoded as MLflow stores it."""
    if op in (Op.EQ, Op.NE) and not isinstance(value, (datetime, float)):
        return to_tag_value(key, value)
    return value


def _text(column: str, op: Op, value: Value) -> str | None:
    if op is Op.HAS:
        return f"{column} LIKE '%'"  # servers before 3.11 do not know IS NOT NULL
    if op is Op.LACKS:
        return f"{column} IS NULL"
    if op is Op.NE or not isinstance(value, str):
        return None  # MLflow's != does not find runs without the key
    if op is Op.EQ:
        literal = _quote(value)
        if literal is None:
            return None if column.startswith("attributes.") else f"{column} LIKE '%'"
        return f"{column} = {literal}"
    # A character with a meaning in LIKE or in quotes is replaced by the wildcard for one character.
    pattern = "".join("_" if char in "\\'\"%" or not char.isprintable() else char for char in value)
    return f"{column} LIKE '{pattern}%'" if op is Op.STARTS_WITH else f"{column} LIKE '%{pattern}%'"


def _quote(value: str) -> str | None:
    if "'" not in value:
        return f"'{value}'"
    return f'"{value}"' if '"' not in value else None


def _root(condition: Condition) -> str | None:
    if condition.op not in (Op.EQ, Op.LACKS):
        return None
    return _text(f"tags.`{ROOT}`", condition.op, condition.value)


def _status(op: Op, value: Value) -> str | None:
    mlflow = MLFLOW_STATUS.get(str(value))
    if op is Op.EQ:
        if mlflow in _ENDS:
            return f"attributes.status = '{mlflow}'"
        # A tag may have the finer status. It is only certain that the run has not ended.
        return " AND ".join(f"attributes.status != '{end}'" for end in _ENDS)
    if op is Op.NE and mlflow in _ENDS:
        return f"attributes.status != '{mlflow}'"
    return None
