"""Turns conditions, keys and orders of runs into SQL for MLflow's database.

The SQL means exactly what the conditions mean in the contract, so runs can be counted without
reading them. The tables have had these columns since MLflow 1.0.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from amlflow.spec import LAUNCHED, METRIC_FIELDS, Condition, Op, Order, Refused, RunQuery
from amlflow.times import EARLIEST, LATEST

from amlflow_mlflow.aliases import is_own_id
from amlflow_mlflow.dialects import Dialect
from amlflow_mlflow.metric_sql import FIRST_SQL, clause_sql, numbers_sql
from amlflow_mlflow.records import (
    DESCRIPTION,
    MLFLOW_STATUS,
    NAME,
    PARENT,
    USER,
    from_ms,
    to_ms,
)
from amlflow_mlflow.spelling import (
    ALIAS,
    CLAIM,
    EMPTY,
    FIRST,
    FIRST_PROPERTIES,
    PROPERTY,
    ROOT,
    STARTED,
    STATUS,
    SYSTEM,
    TYPE,
    to_key,
    to_tag_value,
)

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
_ENTRIES = frozenset(_TEXT_TAGS) | {"tags", "system", "properties", "params"}
"""The fields that are read from the tags and params."""
INFO_SQL = (
    "SELECT r.run_uuid, CAST(r.experiment_id AS VARCHAR), r.status, r.start_time, r.end_time,"
    " r.artifact_uri, r.lifecycle_stage, r.name, r.user_id FROM runs AS r"
)
"""The fields of :class:`amlflow_mlflow.entities.RunInfo`, in their order."""
# Not a join with the experiments, which would look up the experiment of each run.
IS_ACTIVE = (
    "(r.lifecycle_stage = 'active' OR r.experiment_id IN"
    " (SELECT experiment_id FROM experiments WHERE lifecycle_stage = 'deleted'))"
)
"""The test whether a run is not deleted. For MLflow, all runs of an archived experiment are."""
NAME_SQL = (
    f"COALESCE(NULLIF(r.name, ''), (SELECT value FROM tags WHERE run_uuid = r.run_uuid"  # noqa: S608
    f" AND key = '{NAME}'), r.name)"
)
"""A run's name. Before MLflow 2.0, only a tag has it."""
_TAG_VALUE = (
    "CASE WHEN {value} = '' THEN NULL"
    " WHEN rtrim({value}, {empty}) = '' THEN substr({value}, 1, length({value}) - 1)"
    " ELSE {value} END"
)
"""A tag's value as :func:`from_tag_value` reads it; a tag without a value is null."""
MIN_MS, MAX_MS = to_ms(EARLIEST), to_ms(LATEST)
"""The range of valid times."""


class _Tag(str):
    """The key of a tag, in a list of the columns from which a field is made."""


_COLUMNS = {
    "id": ("r.run_uuid",),
    "experiment_id": ("CAST(r.experiment_id AS VARCHAR)",),
    "name": (NAME_SQL,),
    "created": ("r.start_time",),
    "status": ("r.status", _Tag(STATUS), _Tag(SYSTEM + LAUNCHED)),
    "started": (
        "r.status", _Tag(STATUS), _Tag(SYSTEM + LAUNCHED), "r.start_time", _Tag(STARTED)
    ),
    "ended": ("r.status", _Tag(STATUS), _Tag(SYSTEM + LAUNCHED), "r.end_time"),
    "user": (_Tag(USER), "r.user_id"),
    **{field: (_Tag(key),) for field, key in _TEXT_TAGS.items()},
}  # fmt: skip
"""The columns and tags from which a field is made; see :mod:`amlflow_mlflow.stored_values`."""


class Keys:
    """The keys to read from a table: all of them, or certain names and prefixes."""

    def __init__(self) -> None:
        self.all = False
        self.names: set[str] = set()
        self.prefixes: set[str] = set()

    def __bool__(self) -> bool:
        return self.all or bool(self.names or self.prefixes)

    def sql(self, values: dict[str, Any]) -> str:
        """Return a condition on the column ``key``. Its values are added to ``values``."""
        if self.all:
            return ""
        values.update({f"key{at}": name for at, name in enumerate(sorted(self.names))})
        parts = [f"key = :key{at}" for at in range(len(self.names))]
        for at, prefix in enumerate(sorted(self.prefixes)):
            values[f"prefix{at}"] = prefix
            parts.append(f"substr(key, 1, {len(prefix)}) = :prefix{at}")
        return f" AND ({' OR '.join(parts)})"


def keys_of(fields: frozenset[str] | None) -> tuple[Keys, Keys]:
    """Return the keys of the tags, and of the params, from which fields of a record are made."""
    tags, params = Keys(), Keys()
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
                tags.names.update([f"{FIRST}{key}"] if key in FIRST_PROPERTIES else [])
                tags.prefixes.update([] if dot else [FIRST])
            elif name == "params":
                params.names.update([key] if dot else [])
                params.all = params.all or not dot
        except Refused:  # no run can have such a key
            continue
    return tags, params


class Where:
    """A query's conditions as SQL on ``runs AS r``. ``is_exact`` is whether it has them all."""

    tables = "FROM runs AS r"

    def __init__(self, query: RunQuery, dialect: Dialect) -> None:
        self.values: dict[str, Any] = {}
        self.is_exact = True
        self.joins = ""
        """The joins to write after ``tables``, for columns of other tables."""
        self._joined: dict[tuple[str, str], str] = {}
        self._dialect = dialect
        self._selective = _most_selective(query.conditions)
        ids = [
            int(experiment_id)
            for experiment_id in query.experiment_ids or ()
            if experiment_id.isdecimal()
        ]
        among = ", ".join(self.bind(experiment_id) for experiment_id in ids) or "NULL"
        clauses = [
            f"r.experiment_id IN ({among})",
            IS_ACTIVE,
            dialect.has_id,
        ]
        for condition in query.conditions:
            try:
                clause = self._clause(condition)
            except Refused:  # no run can have such a key or value
                clause = None
            if clause is None:
                self.is_exact = False
                clause = self._superset(condition)
            elif condition.field == "alias":  # which counts as absent if it is another run's id
                is_exact = condition.op is Op.EQ and not is_own_id(str(condition.value))
                self.is_exact = self.is_exact and is_exact
            if clause is not None:
                clauses.append(clause)
        self.sql = " AND ".join(clauses)

    def bind(self, value: Any) -> str:
        """Add a value to the statement, and return its placeholder."""
        for name, other in self.values.items():
            if type(other) is type(value) and other == value:
                return f":{name}"
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def sort_key(self, field: str) -> str | None:
        """Return an expression to sort by. It is null for a run that lacks the field.

        It needs :attr:`joins`. None if SQL cannot express it.
        """
        name, _, _ = field.partition(".")
        if name == "created":
            return "r.start_time"
        if name == "ended":
            return self._end_sql()
        if name in METRIC_FIELDS:
            columns = self.columns(field)
            return columns[0] if columns else None
        if name not in ("name", "description", "tags", "properties", "params"):
            return None
        columns = self.columns(field)
        if len(columns) != 1:
            return None
        value = columns[0]
        if name == "tags":
            value = value.replace("kept.value", self._tag_value(), 1)
        return f"({value} {self._dialect.by_code_points})"

    def _end_sql(self) -> str:
        """Return the expression for the end of a run. It is null for a run that has not ended."""
        # While a job runs, only its agent decides that the run has ended.
        # EXISTS is not used, as PostgreSQL would make a lookup for each run.
        final = (
            "r.status = 'KILLED' OR r.status IN ('FINISHED', 'FAILED') AND NOT "
            + self._launched_sql()
        )
        time = f"r.end_time <> 0 AND r.end_time BETWEEN {MIN_MS} AND {MAX_MS}"
        return f"CASE WHEN ({final}) AND {time} THEN r.end_time END"

    def _launched_sql(self) -> str:
        return (
            f"r.run_uuid IN (SELECT run_uuid FROM tags"  # noqa: S608
            f" WHERE key = {self.bind(SYSTEM + LAUNCHED)} AND value = {self.bind('yes')})"
        )

    def order(self, order: Order) -> str | None:
        """Return the expression that an order compares. It needs :attr:`joins`.

        None if SQL cannot express it.
        """
        if order.field == "ended":
            return self._end_sql()
        if order.field == "duration":
            note = self._joined_value("tags", STARTED)
            is_whole = self._dialect.is_whole.format(note, note, note)
            start = f"CASE WHEN {is_whole} THEN CAST({note} AS BIGINT) ELSE r.start_time END"
            return f"({self._end_sql()}) - ({start})"
        if order.field == "user":
            tag = self._joined_value("tags", USER)
            return f"COALESCE(NULLIF({tag}, ''), NULLIF(r.user_id, ''))"
        if order.field == "system":
            return self._joined_value("tags", f"{SYSTEM}{order.key}")
        field = order.field if order.key is None else f"{order.field}.{order.key}"
        columns = self.columns(field, joined=True)
        if len(columns) != 1:
            return None
        return self._tag_value(columns[0]) if order.field == "tags" else columns[0]

    def columns(self, field: str, *, joined: bool = False) -> tuple[str, ...]:
        """Return the expressions from which a field of a record is read.

        Empty if SQL cannot express the field. The expressions of metrics need :attr:`joins`. With
        ``joined``, which is faster for many runs, those of tags and params need it, too.
        """
        value_of = self._joined_value if joined else self._value_of
        if field in _COLUMNS:
            return tuple(
                value_of("tags", part) if isinstance(part, _Tag) else part
                for part in _COLUMNS[field]
            )
        name, _, key = field.partition(".")
        if not key or "\0" in key or not is_unicode(key):
            return ()
        try:
            if name in METRIC_FIELDS:
                return (self._number(name, key),)
            if name == "tags":
                return (value_of("tags", to_key(key)),)
            if name == "properties":
                value = value_of("params", to_key(key, PROPERTY))
                if key not in FIRST_PROPERTIES:
                    return (value,)
                return (f"COALESCE({value}, {value_of('tags', FIRST + key)})",)
            if name == "system":
                return (value_of("tags", SYSTEM + key),)
        except Refused:  # no run can have such a key
            return ()
        if name == "params" and not key.startswith(PROPERTY) and key != CLAIM:
            return (value_of("params", key),)
        return ()

    def _value_of(self, table: str, key: str) -> str:
        return (
            f"(SELECT kept.value FROM {table} AS kept WHERE kept.run_uuid = r.run_uuid"  # noqa: S608
            f" AND kept.key = {self.bind(key)})"
        )

    def _joined_value(self, table: str, key: str) -> str:
        alias = self._joined.get((table, key))
        if alias is None:
            alias = self._joined[table, key] = f"joined{len(self._joined)}"
            self.joins += (
                f" LEFT JOIN {table} AS {alias}"
                f" ON {alias}.run_uuid = r.run_uuid AND {alias}.key = {self.bind(key)}"
            )
        return f"{alias}.value"

    def _number(self, field: str, key: str) -> str:
        if field == "metrics_first":
            return FIRST_SQL.format(key=self.bind(to_key(key)))
        alias = self._joined.get((field, key))
        if alias is None:
            numbers = numbers_sql(field, key, self.bind)
            alias = self._joined[field, key] = f"joined{len(self._joined)}"
            self.joins += f" LEFT JOIN ({numbers}) AS {alias} ON {alias}.run_uuid = r.run_uuid"
        return f"{alias}.value"

    def _tag_value(self, column: str = "kept.value") -> str:
        return _TAG_VALUE.format(value=column, empty=self.bind(EMPTY))

    def _clause(self, condition: Condition) -> str | None:
        """Return SQL for exactly this condition, or None."""
        field, op, value, key = condition.field, condition.op, condition.value, condition.key
        if isinstance(value, str) and ("\0" in value or not is_unicode(value)):
            return None
        if field == "created" and isinstance(value, datetime):
            return self._created_clause(op, value)
        if key is None and field == "name":
            return self._column(NAME_SQL, op, value)
        if field == "alias" and op in (Op.NE, Op.LACKS):
            return None  # it also holds for an alias that counts as absent
        if key is None and field in _TEXT_TAGS:
            return self._entry("tags", _TEXT_TAGS[field], condition, value, is_spelled=False)
        if key is None or "\0" in key or not is_unicode(key):
            return None
        if field in METRIC_FIELDS:
            return clause_sql(field, key, op, value, self.bind)
        if field == "tags":
            if op in (Op.EQ, Op.NE):
                value = to_tag_value(key, value)  # type: ignore[arg-type]
            return self._entry("tags", to_key(key), condition, value)
        if field == "system":
            return self._entry("tags", SYSTEM + key, condition, value)
        if field == "properties":
            return self._property(key, condition, value)
        if field == "params" and not key.startswith(PROPERTY) and key != CLAIM:
            return self._entry("params", key, condition, value)
        return None

    def _superset(self, condition: Condition) -> str | None:
        """Return SQL that is true for all runs that match, and perhaps for more. Or None."""
        mlflow = MLFLOW_STATUS.get(str(condition.value))
        ends = mlflow in ("FINISHED", "FAILED", "KILLED")
        if condition.field == "status" and condition.op is Op.EQ:
            if ends:
                return f"r.status = {self.bind(mlflow)}"
            return f"(r.status NOT IN ('FINISHED', 'FAILED', 'KILLED') OR {self._launched_sql()})"
        if condition.field == "status" and condition.op is Op.NE and ends:
            return f"(r.status <> {self.bind(mlflow)} OR {self._launched_sql()})"
        if condition.field == "id" and condition.op is Op.EQ:
            return f"r.run_uuid = {self.bind(condition.value)}"
        return None

    def _created_clause(self, op: Op, value: datetime) -> str | None:
        ms = to_ms(value)
        if op is Op.LE:
            return f"r.start_time <= {self.bind(ms)}"
        if op is Op.GE:
            return f"r.start_time >= {self.bind(ms if from_ms(ms) == value else ms + 1)}"
        return None

    def _column(self, column: str, op: Op, value: Any) -> str | None:
        if op is Op.HAS:
            return f"{column} IS NOT NULL"
        if op is Op.LACKS:
            return f"{column} IS NULL"
        if op is Op.NE:
            return f"({column} IS NULL OR {column} <> {self.bind(value)})"
        comparison = self._compare(column, op, value)
        return None if comparison is None else f"({column} IS NOT NULL AND {comparison})"

    def _property(self, key: str, condition: Condition, value: Any) -> str | None:
        clause = self._entry("params", to_key(key, PROPERTY), condition, value)
        if clause is None or key not in FIRST_PROPERTIES:
            return clause
        first = self._entry("tags", FIRST + key, condition, value, is_spelled=False)
        return f"({clause} {'AND' if condition.op in (Op.LACKS, Op.NE) else 'OR'} {first})"

    def _entry(
        self, table: str, key: str, condition: Condition, value: Any, is_spelled: bool = True
    ) -> str | None:
        """Compare an entry. ``is_spelled``: :func:`to_tag_value` has encoded the tag's value."""
        op, comparison = condition.op, ""
        if op not in (Op.HAS, Op.LACKS):
            partial = table == "tags" and is_spelled and op in (Op.STARTS_WITH, Op.CONTAINS)
            column = self._tag_value() if partial else "kept.value"
            clause = self._compare(column, Op.EQ if op is Op.NE else op, value)
            if clause is None:
                return None
            comparison = f" AND {clause}"
        negation = "NOT " if op in (Op.LACKS, Op.NE) else ""
        entries = f"FROM {table} AS kept WHERE kept.key = {self.bind(key)}{comparison}"
        if self._reads_all_entries(condition):
            return f"r.run_uuid {negation}IN (SELECT kept.run_uuid {entries})"
        return f"{negation}EXISTS (SELECT 1 {entries} AND kept.run_uuid = r.run_uuid)"

    def _reads_all_entries(self, condition: Condition) -> bool:
        """Whether to read the entries of all runs once, and not to look up those of each run."""
        if self._dialect.joins_exists:
            return condition.op is Op.EQ
        if self._selective is None:  # all runs would be looked up
            return condition.op in (Op.LACKS, Op.NE)
        return condition is self._selective

    def _compare(self, column: str, op: Op, value: Any) -> str | None:
        if not isinstance(value, str):
            return None
        if op is Op.EQ:
            return f"{column} = {self.bind(value)}"
        if op is Op.STARTS_WITH:
            return f"substr({column}, 1, {len(value)}) = {self.bind(value)}"
        if op is Op.CONTAINS:
            return f"{self._dialect.find}({column}, {self.bind(value)}) > 0"
        return None


def is_unicode(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _most_selective(conditions: Iterable[Condition]) -> Condition | None:
    """Return the condition whose entries are read first, since few runs are expected to match.

    There are fewer runs with a parent than runs, and fewer params than tags in most databases.
    """
    ranks = {"parent_id": 0, "properties": 1, "params": 1}
    equal = (item for item in conditions if item.op is Op.EQ and item.field in _ENTRIES)
    return min(equal, key=lambda item: ranks.get(item.field, 2), default=None)
