"""Numbers of metrics as SQL on MLflow's database: in conditions, as sort keys, and read in bulk."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from amlflow.spec import Op, Refused

from amlflow_mlflow.metric_numbers import to_stored
from amlflow_mlflow.spelling import to_key

Bind = Callable[[Any], str]
"""Adds a value to a statement, and gives what stands for it there."""

_OPS = {Op.EQ: "=", Op.GE: ">=", Op.LE: "<=", Op.GT: ">", Op.LT: "<"}
_OF = "FROM {table} AS kept WHERE kept.run_uuid = r.run_uuid AND kept.key = {key}"
_NUMBER = {
    "metrics": ("latest_metrics", "CASE WHEN kept.is_nan THEN NULL ELSE kept.value END", ""),
    "metrics_min": ("metrics", "min(kept.value)", " AND NOT kept.is_nan"),
    "metrics_max": ("metrics", "max(kept.value)", " AND NOT kept.is_nan"),
    "metrics_first": (
        "metrics",
        "CASE WHEN kept.is_nan THEN NULL ELSE kept.value END",
        " ORDER BY kept.step, kept.timestamp, kept.value LIMIT 1",
    ),
}
"""The table of a field, the number, and which rows of a run and key it is taken from."""
_ROWS = {
    "metrics": "SELECT run_uuid, key, value, is_nan FROM latest_metrics WHERE {these}",
    "metrics_min": (
        "SELECT run_uuid, key, min(value), 0 FROM metrics WHERE {these} AND NOT is_nan"
        " GROUP BY run_uuid, key"
    ),
    "metrics_max": (
        "SELECT run_uuid, key, max(value), 0 FROM metrics WHERE {these} AND NOT is_nan"
        " GROUP BY run_uuid, key"
    ),
    "metrics_first": (
        "SELECT run_uuid, key, value, is_nan FROM (SELECT run_uuid, key, value, is_nan,"
        " row_number() OVER (PARTITION BY run_uuid, key ORDER BY step, timestamp, value) AS place"
        " FROM metrics WHERE {these}) AS ordered WHERE place = 1"
    ),
}


def number_sql(field: str, key: str, bind: Bind) -> str:
    """The number of a metric of the run ``r``; null where the run lacks it, or where it is NaN."""
    table, number, rows = _NUMBER[field]
    of = _OF.format(table=table, key=bind(to_key(key)))
    return f"(SELECT {number} {of}{rows})"


def clause_sql(field: str, key: str, op: Op, value: Any, bind: Bind) -> str | None:
    """A condition on a metric, exactly; None where there is none."""
    is_number = isinstance(value, (int, float))
    if op not in (Op.HAS, Op.LACKS) and (op not in _OPS or not is_number):
        return None
    comparison = f"{_OPS[op]} {bind(to_stored(float(value)))}" if op in _OPS else ""
    if field == "metrics":  # the database joins it, where it would look up a number run by run
        of = _OF.format(table="latest_metrics", key=bind(to_key(key)))
        test = f" AND kept.value {comparison}" if comparison else ""
        exists = f"EXISTS (SELECT 1 {of} AND NOT kept.is_nan{test})"
        return f"NOT {exists}" if op is Op.LACKS else exists
    number = number_sql(field, key, bind)
    if op in _OPS:
        return f"{number} {comparison}"
    return f"{number} IS {'NOT NULL' if op is Op.HAS else 'NULL'}"


def rows_sql(
    field: str, names: Collection[str] | None, among: str, values: dict[str, Any]
) -> str | None:
    """Reads a run's id, key, number and NaN mark for each metric of the runs ``:ids``.

    None where no run can have any of the names.
    """
    these = f"run_uuid {among}"
    if names is not None:
        keys = []
        for name in sorted(names):
            try:
                keys.append(to_key(name))
            except Refused:  # no run can have such a name
                continue
        if not keys:
            return None
        values.update({f"metric{at}": key for at, key in enumerate(keys)})
        these += f" AND key IN ({', '.join(f':metric{at}' for at in range(len(keys)))})"
    return _ROWS[field].format(these=these)
