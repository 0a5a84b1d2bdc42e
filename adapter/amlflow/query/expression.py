"""Parses JMESPath expressions, and explains what is wrong with one."""

from __future__ import annotations

import json
import re
from functools import cached_property

from jmespath import exceptions, parser

from amlflow.exceptions import UserErrorException
from amlflow.query.evaluation import nearest_field
from amlflow.query.mistakes import find_mistake, quote_key
from amlflow.query.nodes import Node
from amlflow.query.shapes import Literal, Use, use_of

MAX_DEPTH = 100
"""How deep nodes may be nested: parsing and evaluating are recursive."""


class QueryError(UserErrorException):
    """The expression is not valid JMESPath. The message shows the wrong place.

    ``corrected`` is the expression that was probably meant, or None. ``by_shell`` says that a shell
    may have removed quotes.
    """

    def __init__(
        self, expression: str, reason: str, offset: int,
        corrected: str | None = None, by_shell: bool = False,
    ) -> None:  # fmt: skip
        line_start = expression.rfind("\n", 0, offset) + 1
        line_end = expression.find("\n", offset)
        end = len(expression) if line_end < 0 else line_end
        caret = " " * (offset - line_start) + "^"
        shown = f"{expression[:end]}\n{caret}{expression[end:]}"
        indented = "\n".join(f"    {line}" for line in shown.split("\n"))
        super().__init__(f"The query is not JMESPath: {reason}.\n{indented}")
        self.expression, self.offset = expression, offset
        self.corrected, self.by_shell = corrected, by_shell


class QueryFailed(UserErrorException):
    """The expression is valid JMESPath, but cannot be evaluated on these runs.

    The message shows no run. It also names doubtful parts of the expression.
    """

    def __init__(self, expression: Expression, reason: str, of_runs: bool = True) -> None:
        doubts = expression.doubts if of_runs else []
        sentences = " ".join([f"The query cannot be evaluated: {reason}", *doubts])
        super().__init__(f"{sentences} The query is {expression.text}")
        self.expression = expression.text


class Expression:
    """A parsed expression.

    Raises:
        QueryError: it does not parse.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree: Node = _parse(text)

    @cached_property
    def needs_numbers(self) -> bool:
        """Whether the result may depend on ``run_number``, which a tracker may have to count."""
        return _observes_numbers(self.tree)

    @cached_property
    def use(self) -> Use:
        """The fields of runs that the expression uses."""
        return use_of(self.tree)

    @cached_property
    def doubts(self) -> list[str]:
        """Sentences about valid parts that are probably a mistake, such as what is always null."""
        use, sentences = self.use, list[str]()
        if self.tree["type"] == "literal" and self.text.lstrip().startswith("'"):
            sentences.append(
                "The whole query is a text in single quotes, which Windows' cmd.exe hands on as a "
                "part of it."
            )
        for name in use.unknown:
            near = nearest_field(name) or "; `amlflow run show` prints the fields."
            sentences.append(f"The query asks for {name!r}, which is not a field of a run{near}")
        for name in use.listed:
            sentences.append(
                f"The query asks the list of runs for {name!r}, which is null; [].{name} is that "
                "of each run."
            )
        for name in use.words:
            near = nearest_field(name) or "."
            sentences.append(
                f"The query compares with {name!r}, which is not a field of a run{near} A text is "
                f"written in single quotes: '{name}'."
            )
        for field, key, name in use.deeper:
            sentences.append(
                f"The query asks for {field}.{key}.{name}, which is null, as {field}.{key} is a "
                f"text; a key with dots is written in quotes: {quote_key(field, f'{key}.{name}')}."
            )
        sentences += [_unequal(*comparison) for comparison in use.unequal]
        for field, name in use.negated:
            sentences.append(
                f"!{field}.{name} is (!{field}).{name}, which is null; write !({field}.{name})."
            )
        return sentences


def _unequal(field: str, key: str | None, value: Literal) -> str:
    """Return a sentence about a field that is compared with a literal of another type."""
    spelling = field if key is None else quote_key(field, key)
    if isinstance(value, str):
        actual, expected, literal = "number", "text", f"'{value}'"
        spelled = f"`{value}`" if re.fullmatch(r"-?\d+(\.\d+)?", value) else None
    else:
        actual, expected, literal = "text", "number", f"`{json.dumps(value)}`"
        spelled = f"'{value}'"
        if isinstance(value, bool):
            expected = "truth value"
    these = "" if key is None else f", as all {field.partition('_')[0]} are"
    advice = "" if spelled is None else f"; write {spelling} == {spelled}"
    return (
        f"{spelling} is a {actual}{these}, so it never equals {literal}, which is a {expected}"
        f"{advice}."
    )


def _parse(text: str) -> Node:
    try:
        return _parse_tree(text)
    except QueryError as error:
        mistake = find_mistake(text, error.offset)
        if mistake is None:
            raise
        reason, corrected, by_shell = mistake
        raise QueryError(text, reason, error.offset, corrected, by_shell) from None


def _parse_tree(text: str) -> Node:
    try:
        tree: Node = parser.Parser().parse(text).parsed
    except exceptions.EmptyExpressionError:
        raise QueryError(text, "it is empty", 0) from None
    except exceptions.IncompleteExpressionError:
        raise QueryError(text, "it ends too early", len(text)) from None
    except exceptions.LexerError as error:
        offset = min(int(error.lexer_position), len(text))
        raise QueryError(text, f"{_sentence(error.message)}", offset) from None
    except exceptions.ParseError as error:
        token = text[error.lex_position :][:1]
        reason = f"{token!r} is not expected here" if token else "it ends too early"
        raise QueryError(text, reason, min(int(error.lex_position), len(text))) from None
    except (ValueError, KeyError, RecursionError) as error:  # exceptions of bugs in jmespath
        raise QueryError(text, _sentence(str(error)) or type(error).__name__, 0) from None
    if _is_deep(tree):
        raise QueryError(text, f"it has more than {MAX_DEPTH} parts within each other", 0)
    return tree


def _is_deep(tree: Node) -> bool:
    level = [tree]
    for _ in range(MAX_DEPTH):
        level = [
            child for node in level for child in node.get("children", ()) if isinstance(child, dict)
        ]
        if not level:
            return False
    return True


def _sentence(text: str) -> str:
    return text.strip().splitlines()[0].rstrip(".") if text.strip() else ""


_BLIND = {
    "abs", "ceil", "contains", "ends_with", "floor", "keys", "length", "map", "max_by", "min_by",
    "not_null", "reverse", "sort_by", "starts_with", "to_array", "to_number", "type",
}  # fmt: skip
"""Functions whose result does not depend on the values inside of a document."""


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
