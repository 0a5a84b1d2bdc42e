"""Runs read from MLflow's database in bulk statements: no more of them than is asked for.

MLflow's own search loads each run with all it has, metrics included, as objects of SQLAlchemy. The
tables have had these columns since MLflow 1.0. Conditions are SQL here, as exact as they are in the
contract, so that runs can be counted without being read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from amlflow.spec import LAUNCHED, Condition, Op, Refused, RunQuery, RunRecord

from amlflow_mlflow.records import (
    DESCRIPTION,
    MLFLOW_STATUS,
    NAME,
    PARENT,
    USER,
    from_ms,
    to_ms,
    to_run,
)
from amlflow_mlflow.spelling import (
    ALIAS,
    CLAIM,
    PROPERTY,
    ROOT,
    STARTED,
    STATUS,
    SYSTEM,
    TYPE,
    to_key,
    to_tag_value,
)

PAGE = 2000
"""Runs of one statement: memory is flat, and no transaction is open between two."""
DIALECTS = {
    "sqlite": ("instr", "IN (SELECT value FROM json_each(:ids))", "COLLATE BINARY"),
    "postgresql": (
        "strpos",
        "IN (SELECT json_array_elements_text(CAST(:ids AS json)))",
        'COLLATE "C"',
    ),
}
"""The databases whose SQL this is: their function that finds a text in another, ``IN`` with the ids
of a JSON list, and what compares texts by their code points."""

Ask = Callable[[str, Mapping[str, Any]], list[Any]]
"""Runs a statement with ``:named`` values and gives its rows."""

_TAGS_OF: dict[str, tuple[str, ...]] = {
    "alias": (ALIAS,),
    "parent_id": (PARENT,),
    "root_id": (ROOT, PARENT),
    "type": (TYPE,),
    "status": (STATUS, SYSTEM + LAUNCHED),
    "started": (STATUS, SYSTEM + LAUNCHED, STARTED),
    "ended": (STATUS, SYSTEM + LAUNCHED),
    "user": (USER,),
    "description": (DESCRIPTION,),
}
"""The tags that an attribute is made from."""
_TEXT_TAGS = {"alias": ALIAS, "parent_id": PARENT, "type": TYPE, "description": DESCRIPTION}
_NAME = (
    f"COALESCE(NULLIF(r.name, ''), (SELECT value FROM tags WHERE run_uuid = r.run_uuid"  # noqa: S608
    f" AND key = '{NAME}'), r.name)"
)


class Bulk:
    """Reads and counts runs; ``ask`` runs a statement on a database of this dialect."""

    def __init__(self, ask: Ask, dialect: str) -> None:
        self._ask = ask
        self._instr, self._among, self._collate = DIALECTS[dialect]

    def count(self, query: RunQuery) -> int | None:
        """How many runs a query finds; None where its conditions are not all SQL."""
        where = _Where(query, self._instr)
        if not where.is_exact:
            return None
        rows = self._ask(f"SELECT count(*) {where.tables} WHERE {where.sql}", where.values)
        return int(rows[0][0])

    def find(self, query: RunQuery) -> Iterator[RunRecord]:
        """The runs of experiments that are given, newest first."""
        where = _Where(query, self._instr)
        tags, params = _wanted(query.fields)
        columns = _columns(query.fields)
        size = min(query.limit, PAGE) if query.limit else PAGE
        after, values = "", dict(where.values)
        while True:
            rows = self._ask(
                f"SELECT {columns} {where.tables} WHERE {where.sql}{after}"
                f" ORDER BY r.start_time DESC, r.run_uuid LIMIT {size}",
                values,
            )
            for run in self._runs(rows, tags, params):
                # Also where all are SQL: a note that does not parse counts as absent.
                if all(each.holds(run) for each in query.conditions):
                    yield run
            if len(rows) < size:
                return
            values.update(after_time=rows[-1][2], after_id=rows[-1][0])
            after = (
                " AND (r.start_time < :after_time OR r.start_time = :after_time"
                " AND r.run_uuid > :after_id)"
            )
            size = PAGE

    def first(self, query: RunQuery, field: str, last: bool) -> list[RunRecord] | None:
        """The first or last ``query.limit`` runs by a field; None where one lacks it."""
        where = _Where(query, self._instr)
        by = where.sorting(field)
        if by is None or not where.is_exact or not 0 < query.limit <= PAGE:
            return None
        lacking = f"SELECT 1 {where.tables} WHERE {where.sql} AND {by} IS NULL LIMIT 1"
        if self._ask(lacking, where.values):
            return None
        order = "r.start_time DESC, r.run_uuid"
        compared = by if field in ("created", "ended") else f"{by} {self._collate}"
        if last:
            order, compared = "r.start_time, r.run_uuid DESC", f"{compared} DESC"
        rows = self._ask(
            f"SELECT {_columns(None)} {where.tables} WHERE {where.sql}"
            f" ORDER BY {compared}, {order} LIMIT {query.limit}",
            where.values,
        )
        tags, params = _wanted(query.fields)
        return list(self._runs(rows[::-1] if last else rows, tags, params))

    def _runs(self, rows: Sequence[Any], tags: _Keys, params: _Keys) -> Iterator[RunRecord]:
        ids = [row[0] for row in rows]
        tags_of, params_of = self._kept("tags", ids, tags), self._kept("params", ids, params)
        nothing: dict[str, str] = {}
        for run_id, experiment_id, start, status, end, user, name in rows:
            yield to_run(
                SimpleNamespace(
                    info=SimpleNamespace(
                        run_id=run_id,
                        experiment_id=experiment_id,
                        start_time=start,
                        status=status,
                        end_time=end,
                        user_id=user,
                        run_name=name,
                    ),
                    data=SimpleNamespace(
                        tags=tags_of.get(run_id, nothing), params=params_of.get(run_id, nothing)
                    ),
                )
            )

    def _kept(self, table: str, ids: Sequence[str], keys: _Keys) -> dict[str, dict[str, str]]:
        """What runs have in a table, by run and key."""
        if not ids or not keys:
            return {}
        values: dict[str, Any] = {"ids": json.dumps(ids)}
        found: dict[str, dict[str, str]] = {}
        clause = keys.sql(values)
        statement = f"SELECT run_uuid, key, value FROM {table} WHERE run_uuid {self._among}{clause}"  # noqa: S608
        for run_id, key, value in self._ask(statement, values):
            found.setdefault(run_id, {})[key] = value
        return found


def _columns(fields: frozenset[str] | None) -> str:
    named = fields is None or "name" in fields
    return (
        "r.run_uuid, CAST(r.experiment_id AS VARCHAR), r.start_time, r.status, r.end_time,"
        f" r.user_id, {_NAME if named else 'NULL'}"
    )


class _Keys:
    """The keys that are read of a table: all, or some and those with some prefixes."""

    def __init__(self) -> None:
        self.all = False
        self.names: set[str] = set()
        self.prefixes: set[str] = set()

    def __bool__(self) -> bool:
        return self.all or bool(self.names or self.prefixes)

    def sql(self, values: dict[str, Any]) -> str:
        """A condition on the column ``key``, whose values are added to ``values``."""
        if self.all:
            return ""
        values.update({f"key{at}": name for at, name in enumerate(sorted(self.names))})
        parts = [f"key = :key{at}" for at in range(len(self.names))]
        for at, prefix in enumerate(sorted(self.prefixes)):
            values[f"prefix{at}"] = prefix
            parts.append(f"substr(key, 1, {len(prefix)}) = :prefix{at}")
        return f" AND ({' OR '.join(parts)})"


def _wanted(fields: frozenset[str] | None) -> tuple[_Keys, _Keys]:
    """The keys of the tags and of the params that fields of a record are made from."""
    tags, params = _Keys(), _Keys()
    if fields is None:
        tags.all = params.all = True
        return tags, params
    for field in fields:
        name, dot, key = field.partition(".")
        tags.names.update(_TAGS_OF.get(name, ()))
        try:
            if name == "tags":
                tags.names.update([to_key(key)] if dot else [])
                tags.all = tags.all or not dot
            elif name == "system":
                tags.names.update([SYSTEM + key] if dot else [])
                tags.prefixes.update([] if dot else [SYSTEM])
            elif name == "properties":
                params.names.update([to_key(key, PROPERTY)] if dot else [])
                params.prefixes.update([] if dot else [PROPERTY])
            elif name == "params":
                params.names.update([key] if dot else [])
                params.all = params.all or not dot
        except Refused:  # no run can have such a key
            continue
    return tags, params


class _Where:
    """A query's conditions as SQL over ``runs AS r``; ``is_exact`` says that it has them all."""

    tables = "FROM runs AS r JOIN experiments AS e ON e.experiment_id = r.experiment_id"

    def __init__(self, query: RunQuery, instr: str) -> None:
        self.values: dict[str, Any] = {}
        self.is_exact = True
        self._instr = instr
        ids = [int(each) for each in query.experiment_ids or () if each.isdecimal()]
        among = ", ".join(self._value(each) for each in ids) or "NULL"
        clauses = [
            f"r.experiment_id IN ({among})",
            # MLflow counts the runs of an archived experiment as deleted, all of them.
            "(r.lifecycle_stage = 'active' OR e.lifecycle_stage = 'deleted')",
        ]
        for condition in query.conditions:
            try:
                clause = self._clause(condition)
            except Refused:  # no run can have such a key or value
                clause = None
            if clause is None:
                self.is_exact = False
                clause = self._superset(condition)
            if clause is not None:
                clauses.append(clause)
        self.sql = " AND ".join(clauses)

    def _value(self, value: Any) -> str:
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def sorting(self, field: str) -> str | None:
        """What to sort by: an expression that is null where a run lacks the field."""
        name, dot, key = field.partition(".")
        if field == "created":
            return "r.start_time"
        if field == "name":
            return _NAME
        if field == "ended":  # while a job runs, only its agent says that it has ended
            launched = self._entry("tags", SYSTEM + LAUNCHED, Op.EQ, "yes")
            final = "r.status IN ('FINISHED', 'FAILED', 'KILLED')"
            return f"CASE WHEN {final} AND NOT {launched} THEN NULLIF(r.end_time, 0) END"
        try:
            if field == "description":
                return self._value_of("tags", DESCRIPTION)
            if dot and name == "properties":
                return self._value_of("params", to_key(key, PROPERTY))
            if dot and name == "params" and not key.startswith(PROPERTY) and key != CLAIM:
                return self._value_of("params", key)
        except Refused:  # no run can have such a key
            return None
        return None  # tags too, whose empty texts are spelled in another way

    def _value_of(self, table: str, key: str) -> str | None:
        if "\0" in key or not _is_unicode(key):
            return None
        return (
            f"(SELECT value FROM {table} AS kept WHERE kept.run_uuid = r.run_uuid"  # noqa: S608
            f" AND kept.key = {self._value(key)})"
        )

    def _clause(self, condition: Condition) -> str | None:
        """The condition exactly, or None."""
        field, op, value, key = condition.field, condition.op, condition.value, condition.key
        if isinstance(value, str) and ("\0" in value or not _is_unicode(value)):
            return None
        if field == "created" and isinstance(value, datetime):
            return self._created(op, value)
        if key is None and field == "name":
            return self._column(_NAME, op, value)
        if key is None and field in _TEXT_TAGS:
            return self._entry("tags", _TEXT_TAGS[field], op, value)
        if key is None or "\0" in key or not _is_unicode(key):
            return None
        if field == "tags":
            if op in (Op.STARTS_WITH, Op.CONTAINS, Op.GE, Op.LE):
                return None  # an empty text is spelled in another way
            spelled = to_tag_value(key, value) if op in (Op.EQ, Op.NE) else None  # type: ignore[arg-type]
            return self._entry("tags", to_key(key), op, spelled)
        if field == "system":
            return self._entry("tags", SYSTEM + key, op, value)
        if field == "properties":
            return self._entry("params", to_key(key, PROPERTY), op, value)
        if field == "params" and not key.startswith(PROPERTY) and key != CLAIM:
            return self._entry("params", key, op, value)
        return None

    def _superset(self, condition: Condition) -> str | None:
        """What holds for every run that the condition holds for, or None."""
        mlflow = MLFLOW_STATUS.get(str(condition.value))
        ends = mlflow in ("FINISHED", "FAILED", "KILLED")
        if condition.field == "status" and condition.op is Op.EQ and ends:
            return f"r.status = {self._value(mlflow)}"
        if condition.field == "id" and condition.op is Op.EQ:
            return f"r.run_uuid = {self._value(condition.value)}"
        return None

    def _created(self, op: Op, value: datetime) -> str | None:
        ms = to_ms(value)
        if op is Op.LE:
            return f"r.start_time <= {self._value(ms)}"
        if op is Op.GE:
            return f"r.start_time >= {self._value(ms if from_ms(ms) == value else ms + 1)}"
        return None

    def _column(self, column: str, op: Op, value: Any) -> str | None:
        if op is Op.HAS:
            return f"{column} IS NOT NULL"
        if op is Op.LACKS:
            return f"{column} IS NULL"
        if op is Op.NE:
            return f"({column} IS NULL OR {column} <> {self._value(value)})"
        compared = self._compared(column, op, value)
        return None if compared is None else f"({column} IS NOT NULL AND {compared})"

    def _entry(self, table: str, key: str, op: Op, value: Any) -> str | None:
        compared = "TRUE"
        if op not in (Op.HAS, Op.LACKS):
            found = self._compared("kept.value", Op.EQ if op is Op.NE else op, value)
            if found is None:
                return None
            compared = found
        exists = (
            f"EXISTS (SELECT 1 FROM {table} AS kept WHERE kept.run_uuid = r.run_uuid"  # noqa: S608
            f" AND kept.key = {self._value(key)} AND {compared})"
        )
        return f"NOT {exists}" if op in (Op.LACKS, Op.NE) else exists

    def _compared(self, column: str, op: Op, value: Any) -> str | None:
        if not isinstance(value, str):
            return None
        if op is Op.EQ:
            return f"{column} = {self._value(value)}"
        if op is Op.STARTS_WITH:
            return f"substr({column}, 1, {len(value)}) = {self._value(value)}"
        if op is Op.CONTAINS:
            return f"{self._instr}({column}, {self._value(value)}) > 0"
        return None


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)
