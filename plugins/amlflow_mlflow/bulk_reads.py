"""Reads runs from MLflow's database in bulk statements, and only the fields that are needed.

MLflow's own search loads each run with all its tags, params and metrics as objects of SQLAlchemy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from amlflow.spec import Order, RunQuery, RunRecord
from amlflow.tracker_data import keep_id

from amlflow_mlflow.aliases import taken
from amlflow_mlflow.bulk_sql import IS_ACTIVE, NAME_SQL, Keys, Where, keys_of
from amlflow_mlflow.dialects import DIALECTS
from amlflow_mlflow.entities import Run, RunData, RunInfo
from amlflow_mlflow.metric_numbers import MetricNumbers, Names, add_numbers, by_name, metrics_of
from amlflow_mlflow.metric_sql import rows_sql
from amlflow_mlflow.place_sql import place_sql
from amlflow_mlflow.records import to_run
from amlflow_mlflow.spelling import ALIAS
from amlflow_mlflow.stored_values import read_column
from amlflow_mlflow.typed_columns import type_run

MAX_AT_ONCE = 2000
"""How many runs one statement reads. This limits the memory and the time of a transaction."""
MAX_IDS = 50_000
"""How many ids one statement reads. This limits the memory."""

_AFTER = (
    " AND (r.start_time < :after_time OR r.start_time IS NULL"
    " OR r.start_time = :after_time AND r.run_uuid > :after_id)"
)
_AFTER_WITHOUT_TIME = " AND r.start_time IS NULL AND r.run_uuid > :after_id"

_OWN_IDS = re.compile("(?:[0-9a-f]{32}(?:,|$))*")
"""Ids of the form that MLflow makes, joined by commas."""

Ask = Callable[[str, Mapping[str, Any]], list[Any]]
"""A function that runs a statement with ``:named`` values and returns its rows."""


class Bulk:
    """A reader of many runs. ``ask`` runs a statement on a database of this dialect."""

    def __init__(self, ask: Ask, dialect: str) -> None:
        self._ask = ask
        self._dialect = DIALECTS[dialect]

    def locations(self) -> list[str]:
        """Read the artifact locations of all experiments."""
        rows = self._ask("SELECT artifact_location FROM experiments", {})
        return [location for (location,) in rows if isinstance(location, str)]

    def count(self, query: RunQuery) -> int | None:
        """Count the runs that a query finds.

        None if SQL cannot express all its conditions, or if the form of an id has to be checked.
        """
        where = Where(query, self._dialect)
        if not where.is_exact:
            return None
        unusual = f"sum(CASE WHEN {self._dialect.has_own_id} THEN 0 ELSE 1 END)"
        [(count, unusual_ids)] = self._ask(
            f"SELECT count(*), {unusual} {where.tables} WHERE {where.sql}", where.values
        )
        return None if unusual_ids else int(count)

    def find(self, query: RunQuery) -> Iterator[RunRecord]:
        """Find runs in the query's order. The query must name the experiments."""
        ordered = None if query.order is None else self._find_in_order(query, query.order)
        return self._find_newest_first(query) if ordered is None else ordered

    def _find_newest_first(self, query: RunQuery) -> Iterator[RunRecord]:
        where, read = Where(query, self._dialect), self._reader(query)
        after, values = "", dict(where.values)
        order = "ORDER BY r.start_time DESC NULLS LAST, r.run_uuid LIMIT"
        if query.limit:
            size = min(query.limit, MAX_AT_ONCE)
            rows = self._ask(
                f"SELECT {_columns(query.fields)} {where.tables} WHERE {where.sql} {order} {size}",
                values,
            )
            yield from read(rows)
            if len(rows) < size:
                return
            after = _place_after(values, rows[-1][0], rows[-1][2])
        while True:
            # Each of these statements looks at all runs, as no index has their times.
            places = self._ask(
                f"SELECT r.run_uuid, r.start_time {where.tables} WHERE {where.sql}{after}"
                f" {order} {MAX_IDS}",
                values,
            )
            yield from self._read_by_ids(query, [run_id for run_id, _ in places])
            if len(places) < MAX_IDS:
                return
            after = _place_after(values, *places[-1])

    def _find_in_order(self, query: RunQuery, order: Order) -> Iterator[RunRecord] | None:
        """Find runs in an order. None if no run can have the field to compare."""
        where = Where(query, self._dialect)
        sort_key = where.order(order)
        if sort_key is None:
            return None
        direction = "DESC" if order.descending else "ASC"
        condition = where.sql
        if query.place is not None:
            from_place = place_sql(sort_key, order, query.place, where.bind)
            condition = f"{condition} AND {from_place}" if from_place else condition
        statement = (
            f"{where.tables}{where.joins} WHERE {condition}"
            f" ORDER BY {sort_key} {direction} NULLS LAST, r.start_time DESC, r.run_uuid"
        )
        return self._read_in_order(query, statement, where.values)

    def _read_in_order(
        self, query: RunQuery, statement: str, values: Mapping[str, Any]
    ) -> Iterator[RunRecord]:
        read, columns = self._reader(query), _columns(query.fields)
        known = set[str]()
        if query.limit:
            size = min(query.limit, MAX_AT_ONCE)
            rows = self._ask(f"SELECT {columns} {statement} LIMIT {size}", values)
            known = {row[0] for row in rows}
            yield from read(rows)
            if len(rows) < size:
                return
        # Read the order once, so that runs which begin or change now do not shift the pages.
        ids = [row[0] for row in self._ask(f"SELECT r.run_uuid {statement}", values)]
        yield from self._read_by_ids(query, [run_id for run_id in ids if run_id not in known])

    def _read_by_ids(self, query: RunQuery, ids: Sequence[str]) -> Iterator[RunRecord]:
        """Read runs in the order of their ids. Those that have been deleted are left out."""
        read, columns = self._reader(query), _columns(query.fields)
        for start in range(0, len(ids), MAX_AT_ONCE):
            chunk = ids[start : start + MAX_AT_ONCE]
            rows = self._ask(
                f"SELECT {columns} {Where.tables}"
                f" WHERE r.run_uuid {self._dialect.among} AND {IS_ACTIVE}",
                {"ids": json.dumps(chunk)},
            )
            by_id = {row[0]: row for row in rows}
            yield from read([by_id[run_id] for run_id in chunk if run_id in by_id])

    def _reader(self, query: RunQuery) -> Callable[[Sequence[Any]], Iterator[RunRecord]]:
        """Return a function that turns rows into runs, and leaves out those that do not match."""
        tags, params = keys_of(query.fields)
        metrics = metrics_of(query)

        def read(rows: Sequence[Any]) -> Iterator[RunRecord]:
            for run in self._runs(rows, tags, params, metrics):
                # Check even if SQL has checked: a note that cannot be parsed counts as missing.
                if all(condition.holds(run) for condition in query.conditions):
                    yield run

        return read

    def first(self, query: RunQuery, field: str, last: bool) -> list[RunRecord] | None:
        """Find the first or last ``query.limit`` runs by a field.

        None if SQL cannot do this, if a run lacks the field, or if a run turns out not to match
        after its notes are parsed.
        """
        where = Where(query, self._dialect)
        sort_key = where.sort_key(field)
        if sort_key is None or not where.is_exact or not 0 < query.limit <= MAX_AT_ONCE:
            return None
        # A run without the field comes first, so that one statement shows whether there is one.
        order = (
            "sort_key DESC NULLS FIRST, r.start_time, r.run_uuid DESC"
            if last
            else "sort_key ASC NULLS FIRST, r.start_time DESC, r.run_uuid"
        )
        rows = self._ask(
            f"SELECT {_columns(query.fields)}, {sort_key} AS sort_key {where.tables}{where.joins}"
            f" WHERE {where.sql} ORDER BY {order} LIMIT {query.limit}",
            where.values,
        )
        if rows and rows[0][-1] is None:
            return None
        runs = list(self._reader(query)(rows[::-1] if last else rows))
        return runs if len(runs) == len(rows) else None

    def values(self, query: RunQuery, fields: Sequence[str]) -> list[tuple[Any, ...]] | None:
        """Read the values of fields: a tuple for each run that a query finds, newest first.

        None if SQL cannot express a condition or a field.
        """
        where = Where(query, self._dialect)
        columns = [where.columns(field, joined=True) for field in fields]
        if not where.is_exact or not all(columns):
            return None
        distinct = list(
            dict.fromkeys(["r.run_uuid", *(sql for column in columns for sql in column)])
        )
        rows = self._ask(
            f"SELECT {', '.join(distinct)} {where.tables}{where.joins} WHERE {where.sql}"
            " ORDER BY r.start_time DESC NULLS LAST, r.run_uuid",
            where.values,
        )
        # One match for all ids takes a third of the time of one for each.
        ids = ",".join([str(row[0]) for row in rows])
        # By the length, no id is empty or has a comma.
        if len(ids) != 33 * len(rows) - 1 or _OWN_IDS.fullmatch(ids) is None:
            rows = [row for row in rows if keep_id(row[0])]
        values_of = {sql: [row[index] for row in rows] for index, sql in enumerate(distinct)}
        results = [
            read_column(field, values_of["r.run_uuid"], *(values_of[sql] for sql in column))
            for field, column in zip(fields, columns, strict=True)
        ]
        if "alias" in fields:
            at, ids_read = fields.index("alias"), values_of["r.run_uuid"]
            without = taken(zip(ids_read, results[at], strict=True), self._exist)
            if without:
                pairs = zip(ids_read, results[at], strict=True)
                results[at] = [None if run_id in without else alias for run_id, alias in pairs]
        return list(zip(*results, strict=True))

    def _exist(self, run_ids: Iterable[str]) -> Iterable[str]:
        """Return those of the ids that runs have, deleted or not."""
        rows = self._ask(
            f"SELECT run_uuid FROM runs WHERE run_uuid {self._dialect.among}",  # noqa: S608
            {"ids": json.dumps(list(run_ids))},
        )
        return [run_id for (run_id,) in rows]

    def _runs(
        self, rows: Sequence[Any], tags: Keys, params: Keys, metrics: Names
    ) -> Iterator[RunRecord]:
        rows = [row for row in rows if keep_id(row[0])]
        ids = [row[0] for row in rows]
        numbers_of = self._read_numbers(ids, metrics)
        tags_of = self._read_entries("tags", ids, tags)
        params_of = self._read_entries("params", ids, params)
        aliases = ((run_id, tags_of[run_id].get(ALIAS)) for run_id in tags_of)
        for run_id in taken(aliases, self._exist):
            del tags_of[run_id][ALIAS]
        empty: dict[str, str] = {}
        for run_id, experiment_id, start, status, end, user, name, *_ in rows:
            info = RunInfo(run_id, experiment_id, status, start, end, run_name=name, user_id=user)
            data = RunData(tags_of.get(run_id, empty), params_of.get(run_id, empty))
            run = to_run(type_run(Run(info, data)))
            yield add_numbers(run, numbers_of[run_id]) if metrics else run

    def _read_numbers(self, ids: Sequence[str], metrics: Names) -> dict[str, MetricNumbers]:
        """Read the numbers of metrics, by run."""
        numbers: dict[str, dict[str, dict[str, float]]] = {run_id: {} for run_id in ids}
        for field, names in metrics.items() if ids else ():
            values: dict[str, Any] = {"ids": json.dumps(ids)}
            statement = rows_sql(field, names, self._dialect, values)
            rows = [] if statement is None else self._ask(statement, values)
            for run_id, by_metric in by_name(rows).items():
                numbers[run_id][field] = by_metric
        return dict(numbers)

    def _read_entries(
        self, table: str, ids: Sequence[str], keys: Keys
    ) -> dict[str, dict[str, str]]:
        """Read the entries of runs in a table, by run and key."""
        if not ids or not keys:
            return {}
        values: dict[str, Any] = {"ids": json.dumps(ids)}
        clause = keys.sql(values)
        statement = (
            f"SELECT run_uuid, key, value FROM {table}"  # noqa: S608
            f" WHERE run_uuid {self._dialect.among}{clause}"
        )
        entries: dict[str, dict[str, str]] = {}
        for run_id, key, value in self._ask(statement, values):
            entries.setdefault(run_id, {})[key] = value
        return entries


def _place_after(values: dict[str, Any], run_id: str, start_ms: int | None) -> str:
    """Return a condition for the runs after a run, newest first. Its values go to ``values``."""
    values.update(after_time=start_ms, after_id=run_id)
    return _AFTER_WITHOUT_TIME if start_ms is None else _AFTER


def _columns(fields: frozenset[str] | None) -> str:
    has_name = fields is None or "name" in fields
    return (
        "r.run_uuid, CAST(r.experiment_id AS VARCHAR), r.start_time, r.status, r.end_time,"
        f" r.user_id, {NAME_SQL if has_name else 'NULL'}"
    )
