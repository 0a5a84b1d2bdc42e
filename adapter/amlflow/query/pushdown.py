"""Translates a filter's expression into conditions by which a tracker can search.

The expression is translated as it is evaluated on one document. A part that is not understood
matches every run. So in the worst case, all runs are read.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

from amlflow.query.document import EXPERIMENT, MAPS, NUMBER, PARENT_ALIAS, Entry
from amlflow.query.nodes import CHAINS, Node, entry_of, is_hidden
from amlflow.query.supersets import EVERY, NO, Reach, Superset, either, intersect
from amlflow.spec import Condition, Op

EXPERIMENT_NAME = "experiment_name"
"""A field of conditions that records do not have: it is translated to experiment ids."""

_ATTRIBUTES = {
    "experiment_id": "experiment_id",
    EXPERIMENT: EXPERIMENT_NAME,
    "name": "name",
    "display_name": "name",
    "description": "description",
    "status": "status",
    "run_type": "type",
}
_TIMES = {"created_utc": "created", "start_time_utc": "started", "end_time_utc": "ended"}
_TEXTS = {
    *_ATTRIBUTES, *_TIMES, "run_id", "root_run_id", "parent_run_id", "target", "user_id",
    "created_by",
}  # fmt: skip
"""The fields of a document that are a text or null."""
_ORDER = ("lt", "lte", "gt", "gte")
_TAKES_ANYTHING = {"not_null": None, "to_array": 1, "to_number": 1, "to_string": 1, "type": 1}
"""Functions that accept arguments of every type, with the number of their arguments."""


def reach(node: Node) -> Reach:
    """Return the runs for which the expression may be true, be false, and raise an error."""
    translate = _NODES.get(node["type"])
    return Reach(error=errors(node)) if translate is None else translate(node)


def exact(node: Node) -> Superset | None:
    """Return exactly the runs for which the expression is true; None if that is not known.

    If the expression may raise an error, only runs without an error are meant.
    """
    kind, children = node["type"], node.get("children", [])
    if kind == "literal":
        return _literal(node).true
    if kind in ("field", "subexpression"):
        return _value(node).true if _is_record_text(entry_of(node)) else None
    if kind == "and_expression":
        sides = [exact(child) for child in children]
        return None if None in sides else intersect(sides[0], sides[1])  # type: ignore[arg-type]
    if kind == "function_expression" and node["value"] in ("starts_with", "contains"):
        subject = children[0] if len(children) == 2 else node
        plain = entry_of(subject) is not None and _is_record_text(entry_of(subject))
        keys = node["value"] == "contains" and _keys_of(subject) is not None
        texts = len(children) == 2 and isinstance(children[1].get("value"), str)
        literal = len(children) == 2 and children[1]["type"] == "literal"
        return reach(node).true if texts and literal and (plain or keys) else None
    if kind == "comparator":
        left, right = children if children[0]["type"] != "literal" else children[::-1]
        if right["type"] == "literal" and _is_number_test(node["value"], left, right["value"]):
            return reach(node).true
        if node["value"] not in ("eq", "ne"):
            return None
        if right["type"] != "literal" or not isinstance(right["value"], str):
            return None
        return reach(node).true if _is_record_text(entry_of(left)) else None
    return None


def _is_number_test(operator: str, left: Node, value: Any) -> bool:
    """Whether a comparator compares a metric with a number."""
    entry = entry_of(left)
    if operator == "ne" or entry is None or not entry.is_metric or not _is_number(value):
        return False
    return operator == "eq" or _to_float(value) is not None


def _is_record_text(entry: Entry | None) -> bool:
    """Whether a condition on the record means the same as the condition on the document."""
    return entry is not None and (
        entry.key is not None or entry.field in ("name", "display_name", "description", "run_type")
    )


# --- what may raise an error --------------------------------------------------------------------


def errors(node: Node, documents: bool = True) -> Superset:
    """Return the runs for which evaluating may raise an error of jmespath or Python.

    ``documents`` says that the expression is evaluated on documents, whose types are known.
    """
    kind, children = node["type"], node.get("children", [])
    if documents and _keys_of(node) is not None:
        return NO
    if documents and kind in ("and_expression", "or_expression", "not_expression"):
        return reach(node).error
    if kind == "function_expression" and not _takes_anything(node):
        return reach(node).error if documents and node["value"] in _FUNCTIONS else EVERY
    if kind == "comparator" and node["value"] in _ORDER and not _can_order(children, documents):
        return EVERY
    if kind == "slice":
        return EVERY if children[2] == 0 else NO
    if kind == "expref":
        return EVERY
    supersets: list[Superset] = []
    for index, child in enumerate(children):
        # The first child gets the document. The others get its result, which may be another value.
        is_same = index == 0 or kind not in CHAINS
        supersets.append(errors(child, documents and is_same))
    return either(*supersets)


def _takes_anything(node: Node) -> bool:
    """Whether a function accepts arguments of every type."""
    name, arguments = node["value"], node["children"]
    if name not in _TAKES_ANYTHING:
        return False
    count = _TAKES_ANYTHING[name]
    return len(arguments) == count if count else bool(arguments)


def _can_order(children: list[Node], documents: bool) -> bool:
    """Whether Python can order the two values: two texts, two numbers, or null."""
    kinds = [_kind(child, documents) for child in children]
    return kinds[0] is not None and kinds[0] == kinds[1]


def _kind(node: Node, documents: bool) -> str | None:
    if node["type"] == "literal":
        value = node["value"]
        if isinstance(value, str):
            return "text"
        return "number" if _is_number(value) else None
    entry = entry_of(node) if documents else None
    if entry is None:
        return None
    if entry.field == NUMBER or entry.is_metric:
        return "number"
    return "text" if entry.key is not None or entry.field in _TEXTS else None


# --- what a part of the expression stands for ---------------------------------------------------


def _keys_of(node: Node) -> str | None:
    """``tags`` for ``keys(tags)`` and ``tags.keys(@)``; the same for properties."""
    if node["type"] == "function_expression":
        call, subject = node, "field"
        field = node["children"][0] if node["children"] else node
    elif node["type"] == "subexpression" and len(node["children"]) == 2:
        (field, call), subject = node["children"], "current"
    else:
        return None
    is_call = call["type"] == "function_expression" and call["value"] == "keys"
    if not is_call or [argument["type"] for argument in call["children"]] != [subject]:
        return None
    is_map = field["type"] == "field" and field["value"] in MAPS
    return str(field["value"]) if is_map else None


# --- nodes --------------------------------------------------------------------------------------


def _literal(node: Node) -> Reach:
    value = node["value"]
    false = value is None or value is False or (isinstance(value, (str, list, dict)) and not value)
    return Reach(NO, EVERY) if false else Reach(EVERY, NO)


def _and(node: Node) -> Reach:
    left, right = (reach(child) for child in node["children"])
    return Reach(
        true=intersect(left.true, right.true),
        false=either(left.false, intersect(left.true, right.false)),
        error=either(left.error, intersect(left.true, right.error)),
    )


def _or(node: Node) -> Reach:
    left, right = (reach(child) for child in node["children"])
    return Reach(
        true=either(left.true, right.true),
        false=intersect(left.false, right.false),
        error=either(left.error, intersect(left.false, right.error)),
    )


def _not(node: Node) -> Reach:
    inner = reach(node["children"][0])
    return Reach(inner.false, inner.true, inner.error)


def _value(node: Node) -> Reach:
    """A field by itself: it is true if it is neither absent nor empty."""
    entry = entry_of(node)
    if entry is None:
        keys = _keys_of(node)
        return Reach() if keys is not None else Reach(error=errors(node))
    present = _where_present(entry)
    if entry.is_metric:  # each number is true
        return Reach(present, _where_absent(entry))
    return Reach(
        intersect(present, _where_different(entry, "")),
        either(_where_absent(entry), _where_equal(entry, "")),
    )


def _comparator(node: Node) -> Reach:
    left, right = node["children"]
    operator, error = node["value"], errors(node)
    swapped = left["type"] == "literal"
    if swapped:
        left, right = right, left
    entry = entry_of(left)
    if entry is None or right["type"] != "literal":
        return Reach(error=error)
    value = right["value"]
    if operator in _ORDER:
        later = (operator in ("gt", "gte")) != swapped
        if entry.is_metric:
            return Reach(
                _number_range(entry, value, later, operator in ("gte", "lte")), EVERY, error
            )
        return Reach(_range(entry, value, later), EVERY, error)
    equal, differs = _where_equal(entry, value), _where_different(entry, value)
    return Reach(equal, differs, error) if operator == "eq" else Reach(differs, equal, error)


def _function(node: Node) -> Reach:
    translate = _FUNCTIONS.get(node["value"])
    return Reach(error=errors(node)) if translate is None else translate(node)


def _search(node: Node) -> Reach:
    """``starts_with``, ``ends_with`` and ``contains``."""
    name, arguments = node["value"], node["children"]
    if len(arguments) != 2 or arguments[1]["type"] != "literal":
        return Reach(error=EVERY)
    subject, value = arguments[0], arguments[1]["value"]
    keys = _keys_of(subject)
    if name == "contains" and keys is not None:
        if not isinstance(value, str):
            return Reach(NO, EVERY)
        return _where_key(keys, value)
    subject_entry = entry_of(subject)
    if not isinstance(value, str) or subject_entry is None or not _is_text(subject_entry):
        return Reach(error=EVERY)
    entry = subject_entry
    op = {"starts_with": Op.STARTS_WITH, "contains": Op.CONTAINS}.get(name)
    present = _where_present(entry)
    true = present if op is None else intersect(present, _where(entry, op, value))
    return Reach(true, present, _where_absent(entry))


def _where_key(field: str, key: str) -> Reach:
    if is_hidden(field, key):
        return Reach(NO, EVERY)
    has, lacks = Condition(field, Op.HAS, key=key), Condition(field, Op.LACKS, key=key)
    return Reach(((has,),), ((lacks,),))


def _filter(node: Node) -> Reach:
    """``tags.keys(@)[?…]``: it is true if a key matches."""
    base, right, condition = node["children"]
    keys = _keys_of(base)
    if keys is None or right["type"] != "identity":
        return Reach(error=errors(node))
    if condition["type"] == "comparator" and condition["value"] == "eq":
        sides = condition["children"]
        literals = [side["value"] for side in sides if side["type"] == "literal"]
        if len(literals) == 1 and any(side["type"] == "current" for side in sides):
            if not isinstance(literals[0], str):
                return Reach(NO, EVERY)
            return _where_key(keys, literals[0])
    return Reach(error=NO if _is_safe_on_texts(condition) else EVERY)


def _is_safe_on_texts(node: Node) -> bool:
    """Whether the expression raises no error on any text."""
    if node["type"] == "function_expression":
        first, *others = node["children"] or [node]
        return (
            node["value"] in ("starts_with", "ends_with", "contains")
            and first["type"] == "current"
            and [type(argument.get("value")) for argument in others] == [str]
            and others[0]["type"] == "literal"
        )
    if node["type"] in ("and_expression", "or_expression", "not_expression"):
        return all(_is_safe_on_texts(child) for child in node["children"])
    return not errors(node, documents=False)


_NODES = {
    "literal": _literal,
    "and_expression": _and,
    "or_expression": _or,
    "not_expression": _not,
    "field": _value,
    "subexpression": _value,
    "comparator": _comparator,
    "function_expression": _function,
    "filter_projection": _filter,
}
_FUNCTIONS = {"starts_with": _search, "ends_with": _search, "contains": _search}


# --- conditions ---------------------------------------------------------------------------------


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_text(entry: Entry) -> bool:
    return entry.field in _TEXTS if entry.key is None else not entry.is_metric


def _conditions(entry: Entry, op: Op, value: Any = None) -> Superset | None:
    """Return conditions on records for a condition on a document's field; None if not possible."""
    if entry.key is not None:
        return ((Condition(entry.field, op, value, entry.key),),)
    if entry.field in _ATTRIBUTES:
        return ((Condition(_ATTRIBUTES[entry.field], op, value),),)
    if entry.field in _TIMES and op in (Op.HAS, Op.LACKS):
        return ((Condition(_TIMES[entry.field], op),),)
    if entry.field == "parent_run_id" and op in (Op.HAS, Op.LACKS):
        return ((Condition("parent_id", op),),)
    if op is not Op.EQ:
        return None
    if entry.field == "run_id":
        return ((Condition("alias", op, value),), (Condition("id", op, value),))
    if entry.field == "parent_run_id":
        note = Condition("system", op, value, PARENT_ALIAS)
        return ((note,), (Condition("parent_id", op, value),))
    return None


def _where(entry: Entry, op: Op, value: Any) -> Superset:
    superset = _conditions(entry, op, value)
    return EVERY if superset is None else superset


def _where_present(entry: Entry) -> Superset:
    """The runs in which the field is not null."""
    superset = _where(entry, Op.HAS, None)
    if entry.field == "tags" and entry.key is not None:
        return intersect(superset, _where(entry, Op.NE, None))
    return superset


def _where_absent(entry: Entry) -> Superset:
    """The runs in which the field is null."""
    superset = _where(entry, Op.LACKS, None)
    if entry.field == "tags" and entry.key is not None:
        return either(superset, _where(entry, Op.EQ, None))
    return superset


def _where_equal(entry: Entry, value: Any) -> Superset:
    if value is None:
        return _where_absent(entry)
    if entry.is_metric:
        number = _to_float(value)
        if number is None:
            return NO
        return _where(entry, Op.EQ, number)
    if not _is_text(entry):
        return EVERY
    if not isinstance(value, str):
        return NO
    if entry.field in _TIMES and entry.key is None:
        return intersect(_range(entry, value, True), _range(entry, value, False))
    return _where(entry, Op.EQ, value)


def _where_different(entry: Entry, value: Any) -> Superset:
    if value is None:
        return _where_present(entry)
    if not _is_text(entry) or not isinstance(value, str):
        return EVERY
    return _where(entry, Op.NE, value)


def _to_float(value: Any) -> float | None:
    """Return the number as a float; None if no float is equal to it."""
    try:
        return float(value) if _is_number(value) and float(value) == value else None
    except OverflowError:
        return None


def _number_range(entry: Entry, value: Any, later: bool, equal: bool) -> Superset:
    """The runs in which a metric is above or below a number, or with ``equal``, is equal to it."""
    number = _to_float(value)
    if number is None:
        return _where_present(entry) if _is_number(value) else EVERY
    op = {(True, True): Op.GE, (True, False): Op.GT, (False, True): Op.LE, (False, False): Op.LT}
    return _where(entry, op[later, equal], number)


_PREFIX = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d):(\d\d))?")


def _range(entry: Entry, value: Any, later: bool) -> Superset:
    """The runs whose time is after or before a text.

    Texts of times have the same order as the times. So a text that is the beginning of a time
    limits the time, too.
    """
    if entry.key is not None or entry.field not in _TIMES or not isinstance(value, str):
        return _where_present(entry)
    field = _TIMES[entry.field]
    match = _PREFIX.match(value)
    try:
        parts = [int(part) for part in match.groups(default="0")] if match else []
        start = datetime(*parts, tzinfo=timezone.utc)  # type: ignore[arg-type,misc]
        if later:
            return ((Condition(field, Op.GE, start),),)
        span = timedelta(seconds=1) if match and match[4] else timedelta(days=1)
        return ((Condition(field, Op.LE, start + span),),)
    except (TypeError, ValueError, OverflowError):
        return ((Condition(field, Op.HAS),),)
