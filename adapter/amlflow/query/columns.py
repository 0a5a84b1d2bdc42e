"""Reads the result of an expression as columns, without a record or document for each run.

This works for expressions that choose and order runs, and project them to fields of the tracker::

    [].run_id
    [?contains(name, 'x')].{id: run_id, author: properties.author}
    sort_by(@, &name)[].[name, tags.quality]
    sort_by([?tags.loss], &tags.loss) | reverse(@) | [].run_id
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from amlflow.query.document import EXPERIMENT, MAPS, Entry, iso
from amlflow.query.nodes import Node, entry_of
from amlflow.query.pushdown import exact, reach
from amlflow.query.search import Search
from amlflow.query.shapes import is_whole
from amlflow.query.supersets import EVERY

logger = logging.getLogger("amlflow")

REVERSED = "reversed"

_FIELDS: dict[str, tuple[str, ...]] = {
    "run_id": ("alias", "id"),
    "experiment_id": ("experiment_id",),
    EXPERIMENT: ("experiment_id",),
    "name": ("name",),
    "display_name": ("name",),
    "description": ("description",),
    "run_type": ("type",),
    "status": ("status",),
    "user_id": ("user",),
    "created_by": ("user",),
    "created_utc": ("created",),
    "start_time_utc": ("started",),
    "end_time_utc": ("ended",),
}
"""The fields of a record from which a document's field is made."""


@dataclass(frozen=True)
class _Runs:
    """The runs for which a condition is true (None means all), in an order.

    ``steps`` orders them: each step is an entry to sort by, or REVERSED.
    """

    condition: Node | None = None
    steps: tuple[Entry | str, ...] = ()


@dataclass(frozen=True)
class _Projection:
    """Runs, the entries of each run, and a function that makes the result from their columns."""

    runs: _Runs
    entries: tuple[Entry, ...]
    combine: Callable[[list[list[Any]]], list[Any]]


def read_columns(tree: Node, search: Search) -> list[Any] | None:
    """Return the expression's value; None if the runs must be read one by one."""
    projection = _projection(tree, _Runs())
    if projection is None:
        return None
    keys = [step for step in projection.runs.steps if isinstance(step, Entry)]
    entries = list(dict.fromkeys((*projection.entries, *keys)))
    columns = _read(projection.runs.condition, entries, search)
    if columns is None:
        return None
    order = _order(projection.runs.steps, columns)
    if order is None:
        return None
    return projection.combine(
        [[columns[entry][index] for index in order] for entry in projection.entries]
    )


def _read(
    condition: Node | None, entries: list[Entry], search: Search
) -> dict[Entry, list[Any]] | None:
    """Read the column of each entry: a value for each run, newest first."""
    superset = EVERY
    if condition is not None:
        matching = exact(condition)
        if matching is None or any(
            search.count((alternative,)) != 0 for alternative in reach(condition).error
        ):
            return None
        superset = matching
    fields = list(dict.fromkeys(field for entry in entries for field in _fields_of(entry)))
    rows = search.values(superset, fields)
    if rows is None:
        return None
    values = {field: [row[index] for row in rows] for index, field in enumerate(fields)}
    return {entry: _column(entry, values, search.experiments) for entry in entries}


def _fields_of(entry: Entry) -> tuple[str, ...]:
    return _FIELDS[entry.field] if entry.key is None else (f"{entry.field}.{entry.key}",)


def _column(
    entry: Entry, values: Mapping[str, list[Any]], experiments: Mapping[str, str]
) -> list[Any]:
    """Make the values of documents from the values of records."""
    first, *others = (values[field] for field in _fields_of(entry))
    if entry.key is not None:
        return first
    if entry.field == "run_id":
        return [alias or run_id for alias, run_id in zip(first, others[0], strict=True)]
    if entry.field == EXPERIMENT:
        return [experiments.get(experiment_id) for experiment_id in first]
    return list(map(iso, first)) if entry.field.endswith("_utc") else first


def _order(steps: tuple[Entry | str, ...], columns: Mapping[Entry, list[Any]]) -> list[int] | None:
    """Return the indices of the runs in order; None if jmespath would not compare the values."""
    order = list(range(len(next(iter(columns.values())))))
    for step in steps:
        if isinstance(step, Entry):
            if None in columns[step]:
                return None
            order.sort(key=columns[step].__getitem__)
        else:
            order.reverse()
    return order


# --- from an expression to what is read ---------------------------------------------------------


def _projection(node: Node, source: _Runs) -> _Projection | None:
    if node["type"] == "pipe":
        first, second = node["children"]
        runs = _runs(first, source)
        return None if runs is None else _projection(second, runs)
    if node["type"] not in ("projection", "filter_projection"):
        return None
    left, right, *condition = node["children"]
    runs = _runs(left, source)
    if runs is not None and condition:
        runs = _filter(runs, condition[0])
    return None if runs is None else _project(runs, right)


def _runs(node: Node, source: _Runs) -> _Runs | None:
    """Return the runs that a node chooses from a source; None if the node does something else."""
    kind, children = node["type"], node.get("children", [])
    if kind in ("identity", "current"):
        return source
    if kind == "pipe":
        first = _runs(children[0], source)
        return None if first is None else _runs(children[1], first)
    if kind == "flatten":  # documents are not lists
        return _runs(children[0], source)
    if kind in ("projection", "filter_projection") and is_whole(children[1]):
        runs = _runs(children[0], source)
        return runs if runs is None or kind == "projection" else _filter(runs, children[2])
    if kind == "function_expression" and node["value"] == "reverse" and len(children) == 1:
        runs = _runs(children[0], source)
        return None if runs is None else replace(runs, steps=(*runs.steps, REVERSED))
    if kind == "function_expression" and node["value"] == "sort_by" and len(children) == 2:
        runs = _runs(children[0], source)
        by = entry_of(children[1]["children"][0]) if children[1]["type"] == "expref" else None
        if runs is None or by is None or not _is_stored(by):
            return None
        return replace(runs, steps=(*runs.steps, by))
    return None


def _filter(runs: _Runs, condition: Node) -> _Runs | None:
    """Add a condition to runs that have no condition and no order yet."""
    return _Runs(condition) if runs == _Runs() else None


def _is_stored(entry: Entry) -> bool:
    return entry.field in (_FIELDS if entry.key is None else MAPS)


def _project(runs: _Runs, right: Node) -> _Projection | None:
    single = entry_of(right)
    if single is not None:
        return _projection_to(runs, [single], _drop_nulls)
    children = right.get("children", [])
    if right["type"] == "multi_select_list":
        return _projection_to(runs, list(map(entry_of, children)), _make_lists)
    if right["type"] == "multi_select_dict":
        names = [child["value"] for child in children]
        entries = [entry_of(child["children"][0]) for child in children]
        return _projection_to(runs, entries, lambda columns: _make_objects(names, columns))
    return None


def _projection_to(
    runs: _Runs, entries: list[Entry | None], combine: Callable[[list[list[Any]]], list[Any]]
) -> _Projection | None:
    stored_entries = [entry for entry in entries if entry is not None and _is_stored(entry)]
    if not stored_entries or len(stored_entries) < len(entries):
        return None
    return _Projection(runs, tuple(stored_entries), combine)


def _drop_nulls(columns: list[list[Any]]) -> list[Any]:
    return [value for value in columns[0] if value is not None]


def _make_lists(columns: list[list[Any]]) -> list[Any]:
    return list(map(list, zip(*columns, strict=True)))


def _make_objects(names: list[str], columns: list[list[Any]]) -> list[Any]:
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
