"""Evaluates expressions as jmespath does, with errors in terms of runs."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from typing import Any

from jmespath import exceptions, functions, visitor

from amlflow.query.document import ALL_FIELDS
from amlflow.query.mistakes import quote_key
from amlflow.query.nodes import Node, entry_of
from amlflow.spec import METRIC_FIELDS


class Unevaluable(exceptions.JMESPathError):  # type: ignore[misc]
    """A part of the expression cannot be evaluated; the message is the end of a sentence.

    It names fields and types, and never shows a run.
    """


ERRORS = (exceptions.JMESPathError, TypeError, ValueError, RecursionError)
"""The exceptions of evaluating. Some come from Python, which compares and slices for jmespath."""


class Interpreter(visitor.TreeInterpreter):  # type: ignore[misc]
    """jmespath's interpreter, with errors that name the wrong part of the expression."""

    def visit_comparator(self, node: Node, value: Any) -> Any:
        try:
            return super().visit_comparator(node, value)
        except TypeError:
            sides = [self.visit(child, value) for child in node["children"]]
            raise Unevaluable(_not_comparable(node, sides)) from None

    def visit_function_expression(self, node: Node, value: Any) -> Any:
        arguments = [self.visit(child, value) for child in node["children"]]
        try:
            return self._functions.call_function(node["value"], arguments)
        except Unevaluable:
            raise
        except exceptions.UnknownFunctionError:
            raise Unevaluable(_unknown_function(node["value"])) from None
        except exceptions.ArityError as error:
            raise Unevaluable(_arity(error)) from None
        except exceptions.JMESPathTypeError as error:
            raise Unevaluable(_wrong_type(node, arguments, error)) from None
        except (TypeError, ValueError):
            raise Unevaluable(_mixed_types_message(node)) from None


def reason_of(error: BaseException) -> str:
    """Return the end of a sentence that describes an error of :data:`ERRORS`."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply."
    text = str(error)
    return text if text.endswith((".", "?")) else f"{text}."


# --- parts of an expression as text -------------------------------------------------------------

_OPERATORS = {"eq": "==", "ne": "!=", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
MAX_SHOWN = 60


def to_text(node: Node) -> str:
    """Write a part of an expression as JMESPath. A long part becomes …"""
    text = _spell(node)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"


def _spell(node: Node) -> str:
    kind, children = node["type"], node.get("children", [])
    if kind == "field":
        return quote_key("", node["value"])[1:]
    if kind in ("current", "identity"):
        return "@"
    if kind == "literal":
        value = node["value"]
        if isinstance(value, str):
            return f"'{value}'"
        return "`…`" if isinstance(value, (list, dict)) else f"`{json.dumps(value)}`"
    if kind == "subexpression":
        return ".".join(map(_spell, children))
    if kind == "function_expression":
        return f"{node['value']}({', '.join(map(_spell, children))})"
    if kind == "expref":
        return f"&{_spell(children[0])}"
    if kind == "comparator":
        return f"{_spell(children[0])} {_OPERATORS[node['value']]} {_spell(children[1])}"
    if kind in ("projection", "filter_projection", "flatten"):
        base = _spell(children[0]).removeprefix("@")
        if kind == "flatten":
            return f"{base}[]"
        inside = f"[?{_spell(children[2])}]" if kind == "filter_projection" else ""
        after = _spell(children[1])
        if kind == "projection" and not base.endswith("]"):
            inside = "[*]"
        return f"{base}{inside}" + ("" if after == "@" else f".{after}")
    if kind == "index_expression":
        return _spell(children[0]).removeprefix("@") + "".join(map(_spell, children[1:]))
    if kind == "index":
        return f"[{node['value']}]"
    return "…"


def _element_of(node: Node) -> Node:
    """Return the part that is evaluated for each element: ``tags.n`` for ``[].tags.n``."""
    while node["type"] in ("projection", "filter_projection") and len(node["children"]) > 1:
        node = node["children"][1]
    return node


_ONE = {
    "tags": "tag", "properties": "property", "params": "param",
    **dict.fromkeys(METRIC_FIELDS, "metric"),
}  # fmt: skip
_NULL = {
    "end_time_utc": "until the run ends",
    "start_time_utc": "until the run starts",
    "parent_run_id": "where the run is not nested in another",
    "root_run_id": "where another client has nested the run",
    "error": "unless the run has failed",
    "warnings": "where there are none",
    "description": "where nobody has written one",
    "script_name": "unless the run was submitted",
    "run_type": "unless it was stated",
}


def _why_null(node: Node) -> str:
    entry = entry_of(node)
    if entry is None:
        return "on some of these"
    name, key = entry
    if entry.is_metric:
        return "in a run that has not logged it, or where it is NaN"
    if key is not None:
        return f"in a run that lacks it, or has that {_ONE[name]} without a value"
    return _NULL.get(name, f"in a run that lacks it{nearest_field(name)}")


def nearest_field(name: str) -> str:
    """Return ``; did you mean …?`` for a name that is close to a field's name, or nothing."""
    if name in ALL_FIELDS:
        return ""
    near = difflib.get_close_matches(name, ALL_FIELDS, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""


# --- sentences ----------------------------------------------------------------------------------

_TYPES = {
    "str": "a text", "string": "a text", "int": "a number", "float": "a number",
    "number": "a number", "NoneType": "null", "null": "null", "bool": "true or false",
    "boolean": "true or false", "list": "a list", "array": "a list", "dict": "an object",
    "object": "an object", "array-number": "a list of numbers", "array-string": "a list of texts",
    "expref": "an expression such as &name", "_Expression": "an expression",
}  # fmt: skip


def _type(value: Any) -> str:
    if isinstance(value, dict) and "run_id" in value:
        return "a run"
    return _TYPES.get(type(value).__name__, "another value")


def _is_text(node: Node) -> bool:
    entry = entry_of(node)
    return entry is not None and entry.key is not None and not entry.is_metric


def _as_texts(node: Node) -> str:
    """Return ``, as all tags are`` for an entry of a map, or nothing."""
    entry = entry_of(node)
    if entry is None or not _is_text(node):
        return ""
    return f", as all {entry[0]} are"


def _not_comparable(node: Node, sides: Sequence[Any]) -> str:
    left, right = node["children"]
    operator = _OPERATORS[node["value"]]
    parts = [
        (operand, to_text(operand), side)
        for operand, side in zip((left, right), sides, strict=True)
    ]
    texts = [part for part in parts if isinstance(part[2], str)]
    others = [part for part in parts if not isinstance(part[2], str)]
    if len(texts) != 1:
        return f"{to_text(node)} compares {_type(sides[0])} with {_type(sides[1])}."
    [(text_node, text, _)], [(_, number, _)] = texts, others
    if text_node["type"] == "literal":
        return (
            f"{number} is a number and {text} a text; a number is written in backticks, as in `10`."
        )
    if (text_node.get("value") or "").endswith("_utc"):
        return (
            f"{text} is a text, such as '2024-01-31T12:00:00.000000Z', and {number} a number; "
            f"compare it with a text: {text} {operator} '2024-01-31'."
        )
    conversion = f"to_number({text})"
    pair = (conversion, number) if text_node is left else (number, conversion)
    return (
        f"{text} is a text{_as_texts(text_node)}, and {number} a number; write "
        f"{pair[0]} {operator} {pair[1]}."
    )


def _unknown_function(name: str) -> str:
    names = sorted(functions.Functions.FUNCTION_TABLE)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}()?" if near else f"there are {', '.join(names)}."
    return f"the function {name}() does not exist; {hint}"


def _arity(error: exceptions.ArityError) -> str:
    least = "at least " if isinstance(error, exceptions.VariadictArityError) else ""
    plural = "" if error.expected_arity == 1 else "s"
    return (
        f"{error.function_name}() takes {least}{error.expected_arity} argument{plural}, and "
        f"{error.actual_arity} are given."
    )


def _mixed_types_message(node: Node) -> str:
    return f"{node['value']}() is given values that do not go together, as in {to_text(node)}."


def _wrong_type(node: Node, arguments: Sequence[Any], error: exceptions.JMESPathTypeError) -> str:
    name, children = node["value"], node["children"]
    actual = _TYPES.get(error.actual_type, "another value")
    if name in ("sort_by", "max_by", "min_by") and isinstance(arguments[0], list):
        return _wrong_key(name, children, actual)
    index = _wrong_argument(name, arguments, error)
    argument, text = children[index], to_text(children[index])
    expected = " or ".join(dict.fromkeys(_TYPES.get(kind, kind) for kind in error.expected_types))
    if arguments[index] is None:
        return (
            f"{name}() takes {expected}, and {text} is null {_why_null(argument)}; ask for it "
            f"first, as in [?{text} && {to_text(node)}]."
        )
    if isinstance(arguments[index], list):
        element = _element_of(argument)
        if actual == "a text" and _is_text(element):
            correction = (
                f"{_spell(argument).removesuffix(_spell(element))}to_number({_spell(element)})"
            )
            return (
                f"{name}() takes {expected}, and {text} gives texts{_as_texts(element)}; write "
                f"{correction}."
            )
        return f"{name}() takes {expected}, and {text} is a list in which there is {actual}."
    if actual == "a text" and "number" in error.expected_types:
        return (
            f"{name}() takes a number, and {text} is a text{_as_texts(argument)}; write "
            f"{name}(to_number({text}))."
        )
    hint = ""
    if isinstance(arguments[index], dict):
        actual = _type(arguments[index])
        hint = "; name a field of it, as in name" if actual == "a run" else ""
    return f"{name}() takes {expected}, and {text} is {actual}{hint}."


def _wrong_key(name: str, children: Sequence[Node], actual: str) -> str:
    by = children[1]["children"][0]
    key, base = to_text(by), _spell(children[0])
    runs = f"[?{key}]" if base == "@" else f"{base} | [?{key}]"
    if actual == "null":
        return (
            f"{name}() cannot compare {key}, which is null {_why_null(by)}; choose those that "
            f"have it first, with [?{key}]: {name}({runs}, &{key})."
        )
    if actual in ("a text", "a number"):
        return f"{name}() compares texts or numbers, and {key} is both."
    return f"{name}() compares texts or numbers, and {key} is {actual}."


def _wrong_argument(
    name: str, arguments: Sequence[Any], error: exceptions.JMESPathTypeError
) -> int:
    """Return the index of the wrong argument."""
    for index, argument in enumerate(arguments):
        if argument is error.current_value:
            return index
    for index, argument in enumerate(arguments):
        if isinstance(argument, list) and any(item is error.current_value for item in argument):
            return index
    return 0
