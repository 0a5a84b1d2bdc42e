"""Reads of each run what grouping needs: its value of the column, its status and its numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from amlflow.query.expression import Expression
from amlflow.query.orders import KEYED, target_named
from amlflow.query.pages import find_all
from amlflow.query.run_filter import one_search
from amlflow.query.search import Scope
from amlflow.query.supersets import EVERY
from amlflow.spec import Condition, Op, RunQuery

from amlflow_page.deadline import limit_time
from amlflow_page.filters import Filters, group_entry

Entry = tuple[bool, str | None]
"""Whether a run has a value of the column, and the value."""

_FIELDS = {
    "status": "status",
    "experiment": "experiment_id",
    "submitter": "user",
    "target": "system.target",
}
"""The field of a record from which a group's value is made."""


class GroupRow(NamedTuple):
    """A run's value of the grouped column, its status, and its numbers by column of a metric."""

    entry: Entry
    status: str
    numbers: Mapping[str, float | None]


def read_group_rows(
    scope: Scope,
    filters: Filters,
    expression: Expression | None,
    column: str,
    metrics: Mapping[str, str],
) -> Iterator[GroupRow]:
    """Read a row of each run that the filters and the expression choose.

    ``metrics`` has the field of a record, such as ``metrics.loss``, for each column of a metric.

    The tracker reads the columns alone if it can. Whole records of 100,000 runs take several times
    as long.
    """
    quick = _read_columns(scope, filters, expression, column, metrics)
    return _read_records(scope, filters, expression, column, metrics) if quick is None else quick


def _read_columns(
    scope: Scope,
    filters: Filters,
    expression: Expression | None,
    column: str,
    metrics: Mapping[str, str],
) -> Iterator[GroupRow] | None:
    """Read the columns alone.

    None if the filters, the expression or the tracker need the whole runs.
    """
    field_values = getattr(scope.tracker, "field_values", None)
    if field_values is None or not scope.experiments or not filters.need_status_alone:
        return None
    chosen = EVERY if expression is None else one_search(expression.tree["children"][2])
    if chosen is None:
        return None
    kind, _, key = column.partition(":")
    grouped = f"{KEYED[kind]}.{key}" if key else _FIELDS[kind]
    fields = [grouped, "status", *metrics.values()]
    # The status of a run is made from several columns, so no database can search for it exactly.
    conditions = [item for item in scope.conditions if item.field != "status"]
    if not chosen:
        return iter(())
    conditions += chosen[0]
    results: list[tuple[bool, list[tuple[Any, ...]]]] = []
    for has in (True, False) if key else (True,):
        # A tag without a value is None in a column, like a tag that the run does not have.
        has_key = [Condition(KEYED[kind], Op.HAS if has else Op.LACKS, key=key)] if key else []
        query = RunQuery(experiment_ids=list(scope.experiments), conditions=[*conditions, *has_key])
        values = field_values(query, fields)
        if values is None:
            return None
        results.append((has, values))
    return _rows_of(results, scope, filters, column, list(metrics))


def _rows_of(
    results: Sequence[tuple[bool, Sequence[tuple[Any, ...]]]],
    scope: Scope,
    filters: Filters,
    column: str,
    metrics: Sequence[str],
) -> Iterator[GroupRow]:
    is_keyed = ":" in column
    shown_of: dict[str, Callable[[str], str | None]] = {
        "experiment": scope.experiments.get,
        "target": target_named,
    }
    show = shown_of.get(column)
    for has, values in results:
        for value, status, *numbers in values:
            if filters.statuses and status not in filters.statuses:
                continue
            shown = show(value) if show else value
            entry = (has if is_keyed else shown is not None, shown)
            yield GroupRow(entry, status, dict(zip(metrics, numbers, strict=True)))


def _read_records(
    scope: Scope,
    filters: Filters,
    expression: Expression | None,
    column: str,
    metrics: Mapping[str, str],
) -> Iterator[GroupRow]:
    keep = limit_time(filters.keep(scope.experiments))
    entry_of = group_entry(column, scope.experiments)
    split = {name: field.partition(".")[::2] for name, field in metrics.items()}
    for record in find_all(scope, expression, keep, _fields(column, filters, metrics)):
        numbers = {name: getattr(record, field).get(key) for name, (field, key) in split.items()}
        yield GroupRow(entry_of(record), record.status, numbers)


def _fields(column: str, filters: Filters, metrics: Mapping[str, str]) -> frozenset[str] | None:
    """Return the fields of the records that are needed; None, which is all, for a text search."""
    if filters.text:
        return None
    fields = {"status", *metrics.values()}
    for grouped in (column, *(group.column for group in filters.groups)):
        kind, _, key = grouped.partition(":")
        fields.add(f"{KEYED[kind]}.{key}" if key else _FIELDS[kind])
    if filters.targets:
        fields.add(_FIELDS["target"])
    if filters.submitters:
        fields.add(_FIELDS["submitter"])
    return frozenset(fields - {"experiment_id"})
