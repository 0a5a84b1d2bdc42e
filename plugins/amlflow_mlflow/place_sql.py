"""SQL for the runs from a place of an order on."""

from __future__ import annotations

from datetime import datetime

from amlflow.metric_numbers import NUMBERS, TIMES
from amlflow.spec import METRIC_FIELDS, Order, Place

from amlflow_mlflow.bulk_sql import MAX_MS, MIN_MS, is_unicode
from amlflow_mlflow.metric_numbers import to_stored
from amlflow_mlflow.metric_sql import Bind
from amlflow_mlflow.records import to_ms

MAX_DURATION_S = (MAX_MS - MIN_MS) / 1000


def place_sql(sort_key: str, order: Order, place: Place, bind: Bind) -> str | None:
    """Return a condition for the runs from a place on. ``sort_key`` is what the order compares.

    It may be true for runs before the place, too. None if the database cannot have the value.
    """
    value = _to_stored(order, place.value)
    if value is None and place.value is not None:
        return None
    created = bind(to_ms(place.created))
    after_equal = (
        f"(r.start_time < {created} OR r.start_time IS NULL"
        f" OR r.start_time = {created} AND r.run_uuid >= {bind(place.run_id)})"
    )
    if value is None:
        return f"{sort_key} IS NULL AND {after_equal}"
    bound, after = bind(value), "<" if order.descending else ">"
    return (
        f"({sort_key} {after} {bound} OR {sort_key} = {bound} AND {after_equal}"
        f" OR {sort_key} IS NULL)"
    )


def _to_stored(order: Order, value: str | float | datetime | None) -> str | float | None:
    """Return a value of an order as the database compares it. None if it has no such value."""
    if isinstance(value, datetime):
        return to_ms(value) if order.field in TIMES else None
    if isinstance(value, float):
        if order.field == "duration":
            return round(value * 1000) if abs(value) < MAX_DURATION_S else None
        return to_stored(value) if order.field in METRIC_FIELDS else None
    if isinstance(value, str) and order.field not in TIMES | NUMBERS:
        return value if "\0" not in value and is_unicode(value) else None
    return None
