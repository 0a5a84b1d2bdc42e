"""Evaluates an expression on runs one by one, without keeping all of them in memory.

A filter, projection, slice or pipe takes its input from its first child. Along this chain, each run
is evaluated by itself, as long as the result is the same as jmespath's on the whole list. From the
first part that needs the whole list on, jmespath evaluates the list.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from amlflow.query.document import FIELDS, Document, Entry
from amlflow.query.evaluation import Interpreter
from amlflow.query.nodes import Node, entry_of
from amlflow.query.pushdown import errors, exact, reach
from amlflow.query.run_filter import HERE, RunFilter, fields_of
from amlflow.query.search import Search
from amlflow.query.shapes import counts, sorted_runs, use_of
from amlflow.query.supersets import EVERY, NO, Superset
from amlflow.spec import RunRecord

MAX_FEW = 100
"""Up to this number, runs are read one by one, which is faster than reading all."""


@dataclass(frozen=True)
class _AllRuns:
    """All documents. None has been read yet."""


@dataclass
class _Elements:
    """The elements of a list, which can be read once.

    ``raises`` says that reading one may raise an error. Then all must be read, to raise it.
    """

    items: Iterable[Any]
    raises: bool = False


class Stream:
    """One evaluation of an expression over runs.

    ``whole`` has the runs of whole documents, by the documents' ``id()``.
    """

    def __init__(self, search: Search) -> None:
        self._search = search
        self._interpreter = Interpreter()
        self._entries: Collection[Entry] | None = None
        self._fields: Iterable[str] = FIELDS
        self.whole: dict[int, tuple[Document, RunRecord]] = {}

    def evaluate(self, tree: Node) -> Any:
        """Return the expression's value. Raises the exceptions of jmespath."""
        count = self._count(tree)
        if count is not None:
            return count
        entries = use_of(tree).entries
        if entries is not None:  # the value has no whole document, so these entries are enough
            self._entries = entries
            # A document without any field would be false.
            self._fields = tuple(sorted({"run_id", *(name for name, _ in entries)}))
        value = self._visit(tree, _AllRuns())
        return self._to_list(value)

    def _count(self, tree: Node) -> int | None:
        """Return the value of an expression that only counts runs; None for other expressions."""
        condition = counts(tree)
        if condition is None:
            return None
        superset = exact(condition)
        if superset is None:
            return None
        if any(self._search.count((alternative,)) != 0 for alternative in reach(condition).error):
            return None
        return self._search.count(superset)

    def _find(self, superset: Superset, limit: int) -> Iterator[RunRecord]:
        return self._search.find(superset, limit, entries=self._entries)

    def _visit(self, node: Node, source: Any) -> Any:
        kind = node["type"]
        if kind in ("identity", "current"):
            return source
        part = _PARTS.get(kind)
        if part is None or not isinstance(source, (_AllRuns, _Elements)):
            return self._interpreter.visit(node, self._to_list(source))
        if kind == "index_expression":
            choice = self._choose(node, source)
            if choice is not None:
                return choice
        base = self._visit(node["children"][0], source)
        if not isinstance(base, (_AllRuns, _Elements)):
            return self._interpreter.visit(_with_input(base, node), None)
        return part(self, node, base)

    def _to_list(self, value: Any) -> Any:
        if isinstance(value, _AllRuns):
            return list(self._documents(self._find(EVERY, 0)))
        return list(value.items) if isinstance(value, _Elements) else value

    def _documents(self, runs: Iterable[RunRecord], fields: Iterable[str] = FIELDS) -> Any:
        if fields is FIELDS:
            fields = self._fields
        for run in runs:
            document = self._search.document(run, fields)
            if fields is FIELDS:
                self.whole[id(document)] = document, run
            yield document

    # nodes with the result of their first child

    def _filter(self, node: Node, base: _AllRuns | _Elements) -> _Elements:
        _, right, condition = node["children"]
        if isinstance(base, _Elements):
            per_item = _with_input(HERE, node)
            raises = base.raises or _may_raise(condition) or _may_raise(right)
            return _Elements(
                (
                    value
                    for item in base.items
                    for value in self._interpreter.visit(per_item, [item])
                ),
                raises,
            )
        run_filter = RunFilter(condition)
        matching = (
            run for run in self._find(run_filter.superset, 0) if run_filter.holds(run, self._search)
        )
        raises = run_filter.raises or _may_raise(right, documents=True)
        return _Elements(self._project(right, self._documents(matching, fields_of(right))), raises)

    def _projection(self, node: Node, base: _AllRuns | _Elements) -> _Elements:
        right = node["children"][1]
        if isinstance(base, _Elements):
            raises = base.raises or _may_raise(right)
            return _Elements(self._project(right, base.items), raises)
        documents = self._documents(self._find(EVERY, 0), fields_of(right))
        return _Elements(self._project(right, documents), _may_raise(right, documents=True))

    def _project(self, right: Node, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            value = self._interpreter.visit(right, item)
            if value is not None:
                yield value

    def _flatten(self, node: Node, base: _AllRuns | _Elements) -> _AllRuns | _Elements:
        if isinstance(base, _AllRuns):  # documents are not lists
            return base
        return _Elements(
            itertools.chain.from_iterable(
                item if isinstance(item, list) else [item] for item in base.items
            ),
            base.raises,
        )

    def _index(self, node: Node, base: _AllRuns | _Elements) -> Any:
        first, *others = node["children"][1:]
        end = _end(first)
        if isinstance(base, _AllRuns):
            base = _Elements(self._documents(self._find(EVERY, end or 0)))
        # A later element may raise an error, which then is the result.
        items = base.items if base.raises or end is None else itertools.islice(base.items, end)
        value = self._interpreter.visit(first, list(items))
        for other in others:
            value = self._interpreter.visit(other, value)
        return _Elements(value) if isinstance(value, list) else value

    def _choose(self, node: Node, source: Any) -> Any:
        """Evaluate a node that sorts runs only to choose a few of them.

        For most runs, only the entry that sorts them is read. Returns None for other nodes.
        """
        first, *steps = node["children"]
        condition = sorted_runs(first)
        if not isinstance(source, _AllRuns) or condition is None:
            return None
        entries = use_of(first, gives=False).entries
        if entries is None or not all(step["type"] in ("index", "slice") for step in steps):
            return None
        few = self._read_few(first, condition, steps)
        if few is not None:
            return few
        if self._entries is not None or first["children"][0]["type"] != "current":
            return None
        fields = tuple(sorted({"run_id", *(name for name, _ in entries)}))
        runs: dict[int, RunRecord] = {}
        documents: list[Document] = []
        for run in self._search.find(EVERY, 0, entries=entries):
            documents.append(self._search.document(run, fields))
            runs[id(documents[-1])] = run
        value = self._interpreter.visit(first, documents)
        for step in steps:
            value = self._interpreter.visit(step, value)
        if isinstance(value, dict):
            [whole] = self._documents([self._search.get(runs[id(value)])])
            return whole
        if len(value) > MAX_FEW:
            return None
        return _Elements(list(self._documents(self._search.get(runs[id(item)]) for item in value)))

    def _read_few(self, first: Node, condition: Node, steps: list[Node]) -> Any:
        """Read the first or last few runs, if the tracker can choose and sort them by the entry."""
        by = entry_of(first["children"][1]["children"][0])
        bounds = _few_of(steps[0]) if len(steps) == 1 else None
        superset = exact(condition)
        if bounds is None or by is None or superset is None:
            return None
        if any(self._search.count((alternative,)) != 0 for alternative in reach(condition).error):
            return None
        count, last = bounds
        records = self._search.first(superset, by, count, last, self._entries)
        if records is None or len(records) < count:
            return None
        documents = list(self._documents(records))
        value = self._interpreter.visit(steps[0], documents)
        return _Elements(value) if isinstance(value, list) else value

    def _values(self, node: Node, base: Any) -> None:
        """Return null for ``values`` of a list.

        The list is read first if that may raise an error.
        """
        if isinstance(base, _Elements) and base.raises:
            self._to_list(base)

    def _chain(self, node: Node, base: Any) -> Any:
        for child in node["children"][1:]:
            base = self._visit(child, base)
        return base


_PARTS: dict[str, Callable[[Stream, Node, Any], Any]] = {
    "filter_projection": Stream._filter,
    "projection": Stream._projection,
    "flatten": Stream._flatten,
    "index_expression": Stream._index,
    "value_projection": Stream._values,
    "pipe": Stream._chain,
    "subexpression": Stream._chain,
}


def _with_input(base: Any, node: Node) -> Node:
    """Replace the first child of a node by another node, or by a value."""
    first = base if base is HERE else {"type": "literal", "value": base, "children": []}
    return {**node, "children": [first, *node["children"][1:]]}


def _may_raise(node: Node, documents: bool = False) -> bool:
    return errors(node, documents) != NO


def _end(node: Node) -> int | None:
    """Return how many elements an index or slice needs; None if it may need all."""
    if node["type"] == "index":
        index = int(node["value"])
        return index + 1 if index >= 0 else None
    start, stop, step = node["children"]
    forwards = (step is None or step > 0) and (start is None or start >= 0)
    return int(stop) if forwards and stop is not None and stop >= 0 else None


def _few_of(step: Node) -> tuple[int, bool] | None:
    """Return how many first or last elements of a list a step needs; None for other steps."""
    if step["type"] == "index":
        index = int(step["value"])
        return (index + 1, False) if index >= 0 else (-index, True)
    start, stop, stride = step["children"]
    if stride not in (None, 1):
        return None
    if start in (None, 0) and stop is not None and stop > 0:
        return stop, False
    if stop is None and start is not None and start < 0:
        return -start, True
    return None
