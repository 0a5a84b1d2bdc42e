"""v1's form of a run's error: ``{"error": {"code": …, "message": …, "stackTrace": …}}``."""

from __future__ import annotations

import traceback
from typing import Any

MAX_ERROR = 2000
"""The number of characters of an error's message, and of its traceback, that are kept."""
FIRST = 500
"""How many of these are at the beginning of a message, which often says what is wrong."""


def to_error(cause: str | BaseException | None, code: str | None = None) -> dict[str, Any]:
    """Convert a message, or an exception with its traceback, to v1's form of an error.

    ``code`` is v1's code (default: "UserError").
    """
    error = {"code": code or "UserError", "message": ""}
    if isinstance(cause, BaseException):
        text = str(cause)
        error["message"] = _cut(f"{type(cause).__name__}: {text}" if text else repr(cause), FIRST)
        error["stackTrace"] = _cut("".join(traceback.format_tb(cause.__traceback__)), 0)
    elif cause is not None:
        error["message"] = _cut(cause, FIRST)
    return {"error": error}


def _cut(text: str, first: int) -> str:
    """Return the ``first`` characters and the end of a long text.

    The number of characters left out is said between them.
    """
    if len(text) <= MAX_ERROR:
        return text
    beginning = f"{text[:first]}… " if first else ""
    left_out = f"({len(text) - MAX_ERROR} characters left out)"
    return f"{beginning}{left_out} …{text[first - MAX_ERROR :]}"
