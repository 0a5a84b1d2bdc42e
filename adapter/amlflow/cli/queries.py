"""Parses the queries of the command line, and explains how to quote them in shells."""

from __future__ import annotations

import logging
import re
from typing import Any

from amlflow.exceptions import WrongUsage
from amlflow.query.evaluation import ERRORS, Interpreter, reason_of
from amlflow.query.expression import Expression, QueryError, QueryFailed

logger = logging.getLogger("amlflow")

EXAMPLE = "[?tags.quality=='fantastic run']"


def parse(words: list[str]) -> Expression | None:
    """Parse the query in the words of a command line; None without words.

    Raises:
        WrongUsage: the query is not JMESPath, or there are several words.
    """
    if not words:
        return None
    text = " ".join(words)
    if len(words) > 1:
        raise WrongUsage(
            f"A query must be one argument, but here are {len(words)}: "
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
    """Whether a query is only a name or a number, which is null for a list of runs."""
    return re.fullmatch(r"\w[\w .:/-]*", text) is not None


def evaluate(query: Expression, result: Any) -> Any:
    """Evaluate a query on a command's result."""
    # Imported here, since it needs jmespath.

    try:
        return Interpreter().visit(query.tree, result)
    except ERRORS as error:
        raise QueryFailed(query, reason_of(error), of_runs=False) from None


def for_shells(text: str) -> str:
    """Explain how to quote a query in each shell."""
    return (
        "Shells interpret quotes, backticks, spaces, !, && and |. Put the whole query in double "
        "quotes, and escape the characters that your shell interprets inside of these:\n"
        f"    bash, zsh:   {_bash(text)}\n"
        f"    PowerShell:  {_powershell(text)}\n"
        f"    cmd.exe:     {_cmd(text)}"
    )


def _bash(text: str) -> str:
    escaped = re.sub(r'(["\\$`])', r"\\\1", text)
    # In double quotes, bash still expands "!", and keeps a backslash before it.
    return '"' + re.sub(r"!(?![\s=]|$)", "\"'!'\"", escaped) + '"'


def _powershell(text: str) -> str:
    # PowerShell before 7.3 removes inner quotes unless they have a backslash, too.
    return '"' + re.sub(r'([`"$])', r"`\1", text) + '"'


def _cmd(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def _correct(text: str) -> str:
    """Correct other mistakes in the query. If that fails, return an example."""
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
    """Whether a comparison or an argument has no quotes, so that a shell may have removed them."""
    return not any(quote in text for quote in "'`\"") and any(sign in text for sign in "=<>(,")
