"""Finds which fields of runs an expression uses, by following runs through its tree.

So it is known which fields the tracker must read, and which parts are probably a mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from amlflow.query.document import ALL_FIELDS, MAPS, Entry, type_of
from amlflow.query.nodes import Node
from amlflow.spec import METRIC_FIELDS


class Shape(NamedTuple):
    """The result of a part of an expression: runs, a run, a map, an entry of it, or else."""

    kind: str
    field: str = ""
    key: str = ""


RUNS, RUN, OTHER = Shape("runs"), Shape("run"), Shape("other")


Literal = str | float
"""The value of a literal. A bool is a float, too."""


@dataclass
class Use:
    """The fields that an expression uses, and probable mistakes in it.

    ``entries`` are the used fields and entries of documents; None means whole documents. ``keys``
    are all fields and keys that the expression names. The others are probable mistakes, each only
    once and in order:

    * ``unknown``: names of fields that runs do not have;
    * ``deeper``: names below an entry of a map, which is a text, such as ``tags.a.b``;
    * ``listed``: names of fields of the list of runs, such as ``name`` instead of ``[].name``;
    * ``words``: names that a value is compared with, and that runs do not have;
    * ``negated``: fields and entries after a ``!`` that negates only the field;
    * ``unequal``: fields or entries, and literals of another type with which they are compared.
    """

    entries: set[Entry] | None = field(default_factory=set)
    keys: dict[tuple[str, str], None] = field(default_factory=dict)
    unknown: dict[str, None] = field(default_factory=dict)
    deeper: dict[tuple[str, str, str], None] = field(default_factory=dict)
    listed: dict[str, None] = field(default_factory=dict)
    words: dict[str, None] = field(default_factory=dict)
    negated: dict[tuple[str, str], None] = field(default_factory=dict)
    unequal: dict[tuple[str, str | None, Literal], None] = field(default_factory=dict)


def use_of(node: Node, at: Shape = RUNS, gives: bool = True) -> Use:
    """Find what an expression uses when it is evaluated on runs or on a run.

    ``gives`` says that the expression's value is used, too.
    """
    look = _Look()
    shape = look.visit(node, at)
    if gives:
        look.consume(shape)
    return look.use


_BY = {"sort_by", "max_by", "min_by"}


class _Look:
    def __init__(self) -> None:
        self.use = Use()

    def _add(self, name: str, key: str | None = None) -> None:
        if self.use.entries is not None:
            self.use.entries.add(Entry(name, key))

    def consume(self, shape: Shape) -> None:
        """Note that the value itself is used."""
        if shape.kind in ("runs", "run"):
            self.use.entries = None
        elif shape.kind == "map":
            self._add(shape.field)

    def _consume_all(self, nodes: Iterable[Node], at: Shape) -> Shape:
        for node in nodes:
            self.consume(self.visit(node, at))
        return OTHER

    def visit(self, node: Node, at: Shape) -> Shape:
        method = getattr(self, f"_{node['type']}", None)
        if method is not None:
            shape: Shape = method(node, at)
            return shape
        children = [child for child in node.get("children", ()) if isinstance(child, dict)]
        return self._consume_all(children, at)

    def _identity(self, node: Node, at: Shape) -> Shape:
        return at

    _current = _identity

    def _literal(self, node: Node, at: Shape) -> Shape:
        return OTHER

    def _field(self, node: Node, at: Shape) -> Shape:
        name = node["value"]
        if at.kind == "run":
            if name in MAPS:
                return Shape("map", name)
            self._add(name)
            if name not in ALL_FIELDS:
                self.use.unknown[name] = None
        elif at.kind == "map":
            self._add(at.field, name)
            self.use.keys[at.field, name] = None
            return Shape("entry", at.field, name)
        elif at.kind == "runs":
            self.use.listed[name] = None
        elif at.kind == "entry":
            self.use.deeper[at.field, at.key, name] = None
            return Shape("entry", at.field, f"{at.key}.{name}")
        return OTHER

    def _subexpression(self, node: Node, at: Shape) -> Shape:
        first, second = node["children"][:2]
        if first["type"] == "not_expression" and second["type"] == "field":
            [of] = first["children"]
            if of["type"] == "field":
                self.use.negated[of["value"], second["value"]] = None
        for child in node["children"]:
            at = self.visit(child, at)
        return at

    def _pipe(self, node: Node, at: Shape) -> Shape:
        for child in node["children"]:
            at = self.visit(child, at)
        return at

    def _index_expression(self, node: Node, at: Shape) -> Shape:
        first, *others = node["children"]
        at = self.visit(first, at)
        for child in others:
            if child["type"] == "slice":
                at = at if at.kind == "runs" else OTHER
            else:
                at = RUN if at.kind == "runs" else OTHER
        return at

    def _flatten(self, node: Node, at: Shape) -> Shape:
        base = self.visit(node["children"][0], at)
        return base if base.kind == "runs" else OTHER

    def _projection(self, node: Node, at: Shape) -> Shape:
        left, right = node["children"]
        element = RUN if self.visit(left, at).kind == "runs" else OTHER
        return self._list_of(self.visit(right, element))

    def _filter_projection(self, node: Node, at: Shape) -> Shape:
        left, right, condition = node["children"]
        base = self.visit(left, at)
        element = RUN if base.kind == "runs" else OTHER
        if base.kind == "map":
            self.consume(base)
        self.consume(self.visit(condition, element))
        return self._list_of(self.visit(right, element))

    def _value_projection(self, node: Node, at: Shape) -> Shape:
        left, right = node["children"]
        self.consume(self.visit(left, at))
        return self._list_of(self.visit(right, OTHER))

    def _list_of(self, element: Shape) -> Shape:
        if element.kind == "run":
            return RUNS
        self.consume(element)
        return OTHER

    def _or_expression(self, node: Node, at: Shape) -> Shape:
        shapes = [self.visit(child, at) for child in node["children"]]
        for shape in shapes:
            self.consume(shape)
        return shapes[0] if shapes[0] == shapes[1] else OTHER

    _and_expression = _or_expression

    def _comparator(self, node: Node, at: Shape) -> Shape:
        right = node["children"][1]
        before = dict(self.use.unknown)
        self._consume_all(node["children"], at)
        if node["value"] in ("eq", "ne"):
            self._compare_types(node["children"], at)
        if right["type"] == "field" and right["value"] in self.use.unknown.keys() - before.keys():
            del self.use.unknown[right["value"]]
            self.use.words[right["value"]] = None
        return OTHER

    def _compare_types(self, sides: Sequence[Node], at: Shape) -> None:
        """Note a comparison of a field with a literal of another type."""
        for side, other in (sides, sides[::-1]):
            value = other["value"] if other["type"] == "literal" else None
            if not isinstance(value, (str, float, int)):
                continue
            shape = self.visit(side, at)
            name, key = (shape.field, shape.key) if shape.kind == "entry" else ("", None)
            if at.kind == "run" and side["type"] == "field":
                name = side["value"]
            expected = type_of(name, key)
            actual = float if type(value) is int else type(value)
            if expected is not None and expected is not actual:
                self.use.unequal[name, key, value] = None

    def _function_expression(self, node: Node, at: Shape) -> Shape:
        name, arguments = node["value"], node["children"]
        kinds = [argument["type"] for argument in arguments]
        if name in _BY and len(arguments) == 2 and kinds[1] == "expref":
            base = self.visit(arguments[0], at)
            self.consume(self._visit_elements(arguments[1], base))
            if base.kind != "runs":
                self.consume(base)
                return OTHER
            return base if name == "sort_by" else RUN
        if name == "map" and len(arguments) == 2 and kinds[0] == "expref":
            base = self.visit(arguments[1], at)
            if base.kind != "runs":
                self.consume(base)
            return self._list_of(self._visit_elements(arguments[0], base))
        if name == "contains" and kinds == ["function_expression", "literal"]:
            self._note_key(arguments[0], arguments[1], at)
        if len(arguments) == 1:
            base = self.visit(arguments[0], at)
            if name in ("length", "type") and base.kind == "runs":
                return OTHER
            if name in ("reverse", "to_array", "not_null") and base.kind == "runs":
                return base
            self.consume(base)
            return OTHER
        return self._consume_all(arguments, at)

    def _note_key(self, function: Node, literal: Node, at: Shape) -> None:
        """Note the key of ``contains(keys(tags), 'key')``."""
        if function["value"] == "keys" and isinstance(literal["value"], str):
            for argument in function["children"]:
                of = self.visit(argument, at)
                if of.kind == "map":
                    self.use.keys[of.field, literal["value"]] = None

    def _visit_elements(self, reference: Node, base: Shape) -> Shape:
        element = RUN if base.kind == "runs" else OTHER
        return self.visit(reference["children"][0], element)

    def _expref(self, node: Node, at: Shape) -> Shape:
        self.use.entries = None  # the function that calls it may look at anything
        return OTHER


def metrics_in(node: Node) -> frozenset[str]:
    """Return the fields of :data:`METRIC_FIELDS` that an expression names anywhere."""
    names = {node["value"]} if node["type"] == "field" else set[str]()
    children = (child for child in node.get("children", ()) if isinstance(child, dict))
    return frozenset(names & {*METRIC_FIELDS}).union(*map(metrics_in, children))


_TRUE: Node = {"type": "literal", "value": True, "children": []}


def counts(tree: Node) -> Node | None:
    """Return the condition of the runs that an expression counts; None for other expressions.

    Such expressions are ``length(@)``, ``length([?…])`` and ``[?…] | length(@)``.
    """
    if tree["type"] == "pipe" and _is_length(tree["children"][1]):
        subject = tree["children"][0]
        return (
            _condition(subject) if tree["children"][1]["children"][0]["type"] == "current" else None
        )
    return _condition(tree["children"][0]) if _is_length(tree) else None


def _is_length(node: Node) -> bool:
    return (
        node["type"] == "function_expression"
        and node["value"] == "length"
        and len(node["children"]) == 1
    )


def _condition(node: Node) -> Node | None:
    if node["type"] in ("current", "identity"):
        return _TRUE
    if node["type"] in ("flatten", "projection") and is_whole(node["children"][0]):
        right = node["children"][1:]
        return _TRUE if all(map(is_whole, right)) else None
    if node["type"] == "projection" and all(map(is_whole, node["children"][1:])):
        return _condition(node["children"][0])
    if node["type"] == "filter_projection":
        left, right, condition = node["children"]
        return condition if is_whole(left) and is_whole(right) else None
    return None


def is_whole(node: Node) -> bool:
    """Whether a node returns its input unchanged."""
    return bool(node["type"] == "identity")


def sorted_runs(node: Node) -> Node | None:
    """Return the condition of the runs that ``sort_by(@, &…)`` or ``sort_by([?…], &…)`` sorts.

    Returns None for other expressions.
    """
    if node["type"] != "function_expression" or node["value"] != "sort_by":
        return None
    children = node["children"]
    if len(children) != 2 or children[1]["type"] != "expref":
        return None
    return _condition(children[0])
