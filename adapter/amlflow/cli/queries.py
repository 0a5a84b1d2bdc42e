"""The queries of the command line: parsing them, and how shells have to be given them."""

from __future__ import annotations

import logging
import re
from typing import Any

from amlflow.cli.errors import WrongUsage
from amlflow.query.evaluation import ERRORS, Interpreter, reason_of
from amlflow.query.expression import Expression, QueryError, QueryFailed

logger = logging.getLogger("amlflow")

EXAMPLE = "[?tags.quality=='fantastic run']"


def parse(words: list[str]) -> Expression | None:
    """The query in the words of a command line; None where there is none.

    Raises:
        WrongUsage: it is not JMESPath, or there are several.
    """
    if not words:
        return None
    text = " ".join(words)
    if len(words) > 1:
        raise WrongUsage(
            f"A query must be one argument, and here are {len(words)}: "
            f"{', '.join(map(repr, words))}.\n" + for_shells(_correct(text))
        )
    try:
        expression = Expression(text)
    except QueryError as error:
        hint = error.by_shell or _seems_eaten(text)
        suggestion = _correct(error.corrected or EXAMPLE)
        raise WrongUsage(
            f"{error.message}\n{for_shells(suggestion)}" if hint else error.message
        ) from None
    return expression


def is_word(text: str) -> bool:
    """Whether a query is just a name or a number, which finds nothing in a list of runs."""
    return re.fullmatch(r"\w[\w .:/-]*", text) is not None


def evaluate(query: Expression, result: Any) -> Any:
    """What a query makes of a result that is there already."""
    # Imported for a query that is evaluated here: it needs jmespath.

    try:
        return Interpreter().visit(query.tree, result)
    except ERRORS as error:
        raise QueryFailed(query, reason_of(error), of_runs=False) from None


def for_shells(text: str) -> str:
    """How the shells are given a query."""
    return (
        "A shell takes quotes, backticks, spaces, !, && and | for itself. Put the whole query in "
        "double quotes, and what a shell looks for within them behind its own escape:\n"
        f"    bash, zsh:   {_bash(text)}\n"
        f"    PowerShell:  {_powershell(text)}\n"
        f"    cmd.exe:     {_cmd(text)}"
    )


def _bash(text: str) -> str:
    escaped = re.sub(r'(["\\$`])', r"\\\1", text)
    # The history is looked up within double quotes, and a backslash before its sign stays.
    return '"' + re.sub(r"!(?![\s=]|$)", "\"'!'\"", escaped) + '"'


def _powershell(text: str) -> str:
    # Windows PowerShell 5 takes quotes within away; before 7.3 they need a backslash, too.
    return '"' + re.sub(r'([`"$])', r"`\1", text) + '"'


def _cmd(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def _correct(text: str) -> str:
    """Correct what else does not parse in the query; the example where that fails."""
    for _ in range(3):
        try:
            Expression(text)
        except QueryError as error:
            if error.corrected is None:
                return EXAMPLE
            text = error.corrected
        else:
            return text
    return EXAMPLE


def _seems_eaten(text: str) -> bool:
    """Whether a comparison or an argument stands there without any quote."""
    return not any(quote in text for quote in "'`\"") and any(sign in text for sign in "=<>(,")
