"""v1's form of a run's error: ``{"error": {"code": …, "message": …, "stackTrace": …}}``."""

from __future__ import annotations

import traceback
from typing import Any

MAX_ERROR = 2000
"""The number of characters of an error's message, and of its traceback, that are kept. These are
the last ones."""


def to_error(cause: str | BaseException | None, code: str | None = None) -> dict[str, Any]:
    """Convert a message, or an exception with its traceback, to v1's form of an error.

    ``code`` is v1's code (default: "UserError").
    """
    error = {"code": code or "UserError", "message": ""}
    if isinstance(cause, BaseException):
        text = str(cause)
        error["message"] = _end_of(f"{type(cause).__name__}: {text}" if text else repr(cause))
        error["stackTrace"] = _end_of("".join(traceback.format_tb(cause.__traceback__)))
    elif cause is not None:
        error["message"] = _end_of(cause)
    return {"error": error}


def _end_of(text: str) -> str:
    """Return the end of a long text, with the number of characters left out.

    The end of an error's text is its most useful part.
    """
    if len(text) <= MAX_ERROR:
        return text
    return f"({len(text) - MAX_ERROR} characters left out) …{text[-MAX_ERROR:]}"
