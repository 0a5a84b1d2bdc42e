"""A JMESPath expression: read with jmespath, and explained where it cannot be read."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from jmespath import exceptions, parser

from amlflow.exceptions import UserErrorException

Node = dict[str, Any]
"""A node of jmespath's tree: ``type``, ``children`` and, for some, ``value``."""


class QueryError(UserErrorException):
    """The expression is no JMESPath; the message shows where."""

    def __init__(self, expression: str, reason: str, place: int) -> None:
        line_start = expression.rfind("\n", 0, place) + 1
        line_end = expression.find("\n", place)
        end = len(expression) if line_end < 0 else line_end
        caret = " " * (place - line_start) + "^"
        shown = f"{expression[:end]}\n{caret}{expression[end:]}"
        indented = "\n".join(f"    {line}" for line in shown.split("\n"))
        super().__init__(f"The query is no JMESPath: {reason}.\n{indented}")
        self.expression, self.place = expression, place


class QueryFailed(UserErrorException):
    """The expression is JMESPath, and cannot be evaluated on these runs."""

    def __init__(self, expression: str, reason: str) -> None:
        super().__init__(f"The query {expression!r} cannot be evaluated: {reason}")
        self.expression = expression


class Expression:
    """A parsed expression.

    Raises:
        QueryError: it does not parse.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree: Node = _parsed(text)

    @cached_property
    def needs_numbers(self) -> bool:
        """Whether the result may depend on ``run_number``, which a tracker may have to count."""
        return _observes_numbers(self.tree)


def _parsed(text: str) -> Node:
    try:
        tree: Node = parser.Parser().parse(text).parsed
    except exceptions.EmptyExpressionError:
        raise QueryError(text, "it is empty", 0) from None
    except exceptions.IncompleteExpressionError:
        raise QueryError(text, "it ends too early", len(text)) from None
    except exceptions.LexerError as error:
        place = min(int(error.lexer_position), len(text))
        raise QueryError(text, f"{_sentence(error.message)}", place) from None
    except exceptions.ParseError as error:
        token = text[error.lex_position :][:1]
        reason = f"{token!r} is not expected here" if token else "it ends too early"
        raise QueryError(text, reason, min(int(error.lex_position), len(text))) from None
    except (ValueError, KeyError, RecursionError) as error:  # jmespath's own slips
        raise QueryError(text, _sentence(str(error)) or type(error).__name__, 0) from None
    return tree


def _sentence(text: str) -> str:
    return text.strip().splitlines()[0].rstrip(".") if text.strip() else ""


_BLIND = {
    "abs", "ceil", "contains", "ends_with", "floor", "keys", "length", "map", "max_by", "min_by",
    "not_null", "reverse", "sort_by", "starts_with", "to_array", "to_number", "type",
}  # fmt: skip
"""Functions whose result does not depend on the values within a document that they are given."""


def _observes_numbers(node: Node) -> bool:
    kind, value = node["type"], node.get("value")
    if kind == "field" and value == "run_number":
        return True
    if kind == "value_projection":
        return True
    if kind == "function_expression" and value not in _BLIND:
        return True
    if kind == "literal":
        return isinstance(value, (dict, list)) and "run_number" in str(value)
    return any(
        _observes_numbers(child) for child in node.get("children", ()) if isinstance(child, dict)
    )
