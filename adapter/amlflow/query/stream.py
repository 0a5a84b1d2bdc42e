"""Evaluates an expression on runs as they come, without holding those that do not matter.

Along the spine of an expression (what a filter, projection, slice or pipe takes its input from)
each run is looked at by itself, for as long as that gives what jmespath gives on the whole list.
From the first part that needs the whole list, jmespath itself has it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from amlflow.query.document import FIELDS, Document
from amlflow.query.evaluation import Interpreter
from amlflow.query.expression import Node
from amlflow.query.pushdown import errors, reach
from amlflow.query.reach import EVERY, NO, Superset, either
from amlflow.spec import RunRecord

Find = Callable[[Superset, int], Iterator[RunRecord]]
"""Finds the runs of a superset, newest first; the number is how many will be read, 0 for all."""
Make = Callable[[RunRecord, Iterable[str]], Document]
"""Makes a run's document with these fields."""


@dataclass(frozen=True)
class _AllRuns:
    """All documents, which have not been asked for yet."""


@dataclass
class _Elements:
    """The elements of a list, to be read once.

    ``raises`` says that reading them may raise an error, so that all must be read to be sure.
    """

    items: Iterable[Any]
    raises: bool = False


class Stream:
    """One evaluation of an expression over runs.

    ``whole`` are the runs of the whole documents that were made, by the documents' ``id()``.
    """

    def __init__(self, make: Make, find: Find) -> None:
        self._make, self._find = make, find
        self._interpreter = Interpreter()
        self.whole: dict[int, tuple[Document, RunRecord]] = {}

    def evaluate(self, tree: Node) -> Any:
        """The expression's value; raises what jmespath raises."""
        value = self._visit(tree, _AllRuns())
        return self._listed(value)

    def _visit(self, node: Node, source: Any) -> Any:
        kind = node["type"]
        if kind in ("identity", "current"):
            return source
        part = _PARTS.get(kind)
        if part is None or not isinstance(source, (_AllRuns, _Elements)):
            return self._interpreter.visit(node, self._listed(source))
        base = self._visit(node["children"][0], source)
        if not isinstance(base, (_AllRuns, _Elements)):
            return self._interpreter.visit(_on(base, node), None)
        return part(self, node, base)

    def _listed(self, value: Any) -> Any:
        if isinstance(value, _AllRuns):
            return list(self._documents(self._find(EVERY, 0)))
        return list(value.items) if isinstance(value, _Elements) else value

    def _documents(self, runs: Iterable[RunRecord], fields: Iterable[str] = FIELDS) -> Any:
        for run in runs:
            document = self._make(run, fields)
            if fields is FIELDS:
                self.whole[id(document)] = document, run
            yield document

    # parts of a spine, each with what its first child has given

    def _filter(self, node: Node, base: _AllRuns | _Elements) -> _Elements:
        _, right, condition = node["children"]
        if isinstance(base, _Elements):
            each_by_itself = _on(_HERE, node)
            raises = base.raises or _may_raise(condition) or _may_raise(right)
            return _Elements(
                (
                    value
                    for item in base.items
                    for value in self._interpreter.visit(each_by_itself, [item])
                ),
                raises,
            )
        reached = reach(condition)
        matching = self._matching(condition, either(reached.true, reached.error))
        raises = reached.error != NO or _may_raise(right, documents=True)
        return _Elements(self._projected(right, self._documents(matching, _fields(right))), raises)

    def _matching(self, condition: Node, superset: Superset) -> Iterator[RunRecord]:
        fields = _fields(condition)
        test = {"type": "filter_projection", "children": [_HERE, _TRUE, condition]}
        for run in self._find(superset, 0):
            if self._interpreter.visit(test, [self._make(run, fields)]):
                yield run

    def _projection(self, node: Node, base: _AllRuns | _Elements) -> _Elements:
        right = node["children"][1]
        if isinstance(base, _Elements):
            raises = base.raises or _may_raise(right)
            return _Elements(self._projected(right, base.items), raises)
        documents = self._documents(self._find(EVERY, 0), _fields(right))
        return _Elements(self._projected(right, documents), _may_raise(right, documents=True))

    def _projected(self, right: Node, items: Iterable[Any]) -> Iterator[Any]:
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
        # What comes later may raise an error, which then is the outcome.
        items = base.items if base.raises or end is None else itertools.islice(base.items, end)
        value = self._interpreter.visit(first, list(items))
        for other in others:
            value = self._interpreter.visit(other, value)
        return _Elements(value) if isinstance(value, list) else value

    def _values(self, node: Node, base: Any) -> None:
        """A list has no values, once it is sure that it is one."""
        if isinstance(base, _Elements) and base.raises:
            self._listed(base)

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
_HERE: Node = {"type": "identity", "children": []}
_TRUE: Node = {"type": "literal", "value": True, "children": []}


def _on(base: Any, node: Node) -> Node:
    """The node with another first child: a node, or a value."""
    first = base if base is _HERE else {"type": "literal", "value": base, "children": []}
    return {**node, "children": [first, *node["children"][1:]]}


def _may_raise(node: Node, documents: bool = False) -> bool:
    return errors(node, documents) != NO


def _end(node: Node) -> int | None:
    """How many elements an index or slice looks at; None if it may be all."""
    if node["type"] == "index":
        place = int(node["value"])
        return place + 1 if place >= 0 else None
    start, stop, step = node["children"]
    forwards = (step is None or step > 0) and (start is None or start >= 0)
    return int(stop) if forwards and stop is not None and stop >= 0 else None


_FIRST_ONLY = {
    "subexpression", "pipe", "index_expression", "projection", "filter_projection",
    "value_projection", "flatten",
}  # fmt: skip


def _fields(node: Node) -> Iterable[str]:
    """The fields of a document that an expression looks at; FIELDS itself for the whole of it."""
    used = _used(node)
    return FIELDS if used is None else tuple(sorted(used))


def _used(node: Node) -> set[str] | None:
    kind, children = node["type"], node.get("children", [])
    if kind == "field":
        return {node["value"]}
    if kind in ("identity", "current"):
        return None
    used: set[str] = set()
    for child in children[:1] if kind in _FIRST_ONLY else children:
        if isinstance(child, dict):
            more = _used(child)
            if more is None:
                return None
            used |= more
    return used
