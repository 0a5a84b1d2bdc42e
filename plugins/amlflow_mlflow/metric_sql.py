"""SQL for the numbers of metrics in MLflow's database: conditions, sort keys and bulk reads."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from amlflow.spec import Op, Refused

from amlflow_mlflow.dialects import Dialect
from amlflow_mlflow.metric_numbers import to_stored
from amlflow_mlflow.spelling import to_key

Bind = Callable[[Any], str]
"""A function that adds a value to a statement, and returns its placeholder."""

_OPS = {Op.EQ: "=", Op.GE: ">=", Op.LE: "<=", Op.GT: ">", Op.LT: "<"}
_NUMBERS = {
    "metrics": (
        "SELECT run_uuid, CASE WHEN is_nan THEN NULL ELSE value END AS value"
        " FROM latest_metrics WHERE key = {key}"
    ),
    "metrics_min": (
        "SELECT run_uuid, min(value) AS value FROM metrics WHERE key = {key} AND NOT is_nan"
        " GROUP BY run_uuid"
    ),
    "metrics_max": (
        "SELECT run_uuid, max(value) AS value FROM metrics WHERE key = {key} AND NOT is_nan"
        " GROUP BY run_uuid"
    ),
}
"""The number of one metric by run, for all runs at once. For a single run, SQLite would use an
index that does not begin with the run."""
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


FIRST_SQL = (
    "(SELECT CASE WHEN kept.is_nan THEN NULL ELSE kept.value END FROM metrics AS kept"
    " WHERE kept.run_uuid = r.run_uuid AND kept.key = {key}"
    " ORDER BY kept.step, kept.timestamp, kept.value LIMIT 1)"
)
"""The first number of a metric of the run ``r``. There is an index for this."""


def numbers_sql(field: str, key: str, bind: Bind) -> str:
    """Return a SELECT of ``run_uuid`` and ``value`` for each field except ``metrics_first``.

    The value is null if it is NaN.
    """
    return _NUMBERS[field].format(key=bind(to_key(key)))


def clause_sql(field: str, key: str, op: Op, value: Any, bind: Bind) -> str | None:
    """Return SQL for exactly a condition on a metric of the run ``r``. None if there is none."""
    if op in (Op.HAS, Op.LACKS):
        test = "value IS NOT NULL"
    elif op in _OPS and isinstance(value, (int, float)):
        test = f"value {_OPS[op]} {bind(to_stored(float(value)))}"
    else:
        return None
    if field == "metrics_first":
        number = FIRST_SQL.format(key=bind(to_key(key)))
        return f"({number} {test.removeprefix('value ')}) IS {op is not Op.LACKS}"
    numbers = numbers_sql(field, key, bind)
    runs = f"(SELECT run_uuid FROM ({numbers}) AS numbers WHERE {test})"  # noqa: S608
    return f"r.run_uuid {'NOT IN' if op is Op.LACKS else 'IN'} {runs}"


def rows_sql(
    field: str, names: Collection[str] | None, dialect: Dialect, values: dict[str, Any]
) -> str | None:
    """Return a SELECT of run id, key, number and NaN mark for the metrics of the runs ``:ids``.

    None if no run can have a metric with one of the names.
    """
    these = f"run_uuid {dialect.among}"
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
        is_key = "key = {0}" if field == "metrics" else dialect.is_key_of_point
        tests = " OR ".join(is_key.format(f":metric{at}") for at in range(len(keys)))
        these += f" AND ({tests})"
    return _ROWS[field].format(these=these)
