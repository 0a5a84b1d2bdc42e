"""The queries of the command line: parsing them, and reminding of what shells do to them."""

from __future__ import annotations

import logging
from typing import Any

from amlflow.cli.errors import WrongUsage
from amlflow.query.document import FIELDS
from amlflow.query.expression import Expression, Node, QueryError, QueryFailed

logger = logging.getLogger("amlflow")

REMINDER = (
    "A shell takes quotes, spaces, && and | for itself: put the whole query in double quotes, "
    "as in \"[?tags.quality=='fantastic run']\"."
)


def parsed(words: list[str]) -> Expression | None:
    """The query in the words of a command line; None where there is none.

    Raises:
        WrongUsage: it is no JMESPath, or there are several.
    """
    if not words:
        return None
    text = " ".join(words)
    if len(words) > 1:
        raise WrongUsage(
            f"There is one query at most, and {len(words)} words came: {text}\n{REMINDER}"
        )
    try:
        expression = Expression(text)
    except QueryError as error:
        raise WrongUsage(
            f"{error.message}\n{REMINDER}" if _seems_eaten(text) else error.message
        ) from None
    for name in _unknown(expression.tree):
        logger.warning(
            "The query compares with %r, which is no field of a run. Were there quotes? %s",
            name,
            REMINDER,
        )
    return expression


def evaluated(query: Expression, result: Any) -> Any:
    """What a query makes of a result that is there already."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        return jmespath.search(query.text, result)
    except (JMESPathError, TypeError, ValueError) as error:
        raise QueryFailed(query.text, str(error)) from None


def _seems_eaten(text: str) -> bool:
    """Whether a comparison or an argument stands there without any quote."""
    return not any(quote in text for quote in "'`\"") and any(sign in text for sign in "=<>(,")


def _unknown(node: Node) -> list[str]:
    """Bare words that something is compared with, and that are no fields."""
    children = [child for child in node.get("children", ()) if isinstance(child, dict)]
    found = [name for child in children for name in _unknown(child)]
    if node["type"] == "comparator":
        right = children[1]
        if right["type"] == "field" and right["value"] not in FIELDS:
            found.append(right["value"])
    return found
