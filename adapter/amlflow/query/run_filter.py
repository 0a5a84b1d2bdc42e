"""A filter of runs, ``[?condition]``: the tracker's search for it, and the test of each run."""

from __future__ import annotations

from collections.abc import Iterable

from amlflow.query.document import FIELDS
from amlflow.query.evaluation import Interpreter
from amlflow.query.nodes import CHAINS, Node
from amlflow.query.pushdown import exact, reach
from amlflow.query.search import Search
from amlflow.query.supersets import NO, Superset, either
from amlflow.spec import RunRecord

HERE: Node = {"type": "identity", "children": []}
_TRUE: Node = {"type": "literal", "value": True, "children": []}


class RunFilter:
    """The condition of a filter on runs.

    ``superset`` has all runs for which the condition is true or raises an error. ``raises`` says
    whether it may raise an error.
    """

    def __init__(self, condition: Node) -> None:
        outcomes = reach(condition)
        self.superset = either(outcomes.true, outcomes.error)
        self.raises = outcomes.error != NO
        self._fields = fields_of(condition)
        self._test: Node = {"type": "filter_projection", "children": [HERE, _TRUE, condition]}
        self._interpreter = Interpreter()

    def holds(self, record: RunRecord, search: Search) -> bool:
        """Whether the condition is true for a run that the search has found.

        Raises the exceptions of jmespath.
        """
        document = search.document(record, self._fields)
        return bool(self._interpreter.visit(self._test, [document]))


def is_one_search(condition: Node) -> bool:
    """Whether one search of a tracker gives exactly the runs for which the condition is true."""
    return one_search(condition) is not None


def one_search(condition: Node) -> Superset | None:
    """Return the one search that gives exactly the runs for which the condition is true.

    It is empty if the condition is true for no run. None if one search does not give these runs.
    """
    superset = exact(condition)
    if superset is None or len(superset) > 1 or superset != RunFilter(condition).superset:
        return None
    return superset


def fields_of(node: Node) -> Iterable[str]:
    """Return the fields of a document that an expression uses; FIELDS for the whole document."""
    names = _names_in(node)
    return FIELDS if names is None else tuple(sorted(names))


def _names_in(node: Node) -> set[str] | None:
    kind, children = node["type"], node.get("children", [])
    if kind == "field":
        return {node["value"]}
    if kind in ("identity", "current"):
        return None
    names: set[str] = set()
    for child in children[:1] if kind in CHAINS else children:
        if isinstance(child, dict):
            inner = _names_in(child)
            if inner is None:
                return None
            names |= inner
    return names
