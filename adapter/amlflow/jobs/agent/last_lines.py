"""The last lines of a failed script's output, for the message of the run's error."""

from __future__ import annotations

import os
from pathlib import Path

from amlflow.plugins import explain_failure

LAST_LINES = 20
MAX_READ = 1 << 16
"""Bytes of a log's end that are looked at."""


def last_lines(text: str) -> str:
    """The last lines of an output."""
    return "\n".join(text.splitlines()[-LAST_LINES:])


def read_last_lines(log: Path, errors_end: int | None = None) -> str:
    """The end of a log, or of that part of it that standard error ends."""
    try:
        with log.open("rb") as file:
            end = errors_end or os.fstat(file.fileno()).st_size
            begin = max(0, end - MAX_READ)
            file.seek(begin)
            return last_lines(file.read(end - begin).decode("utf-8", "replace"))
    except OSError:
        return ""


def add_last_lines(message: str, lines: str, which: str) -> str:
    """The message with the lines, if there are some, and with what plugins say of them."""
    if not lines:
        return message
    message = f"{message} The last lines of {which}:\n{lines}"
    # Behind them: of a long message the end is kept.
    return "\n".join([message, *explain_failure(lines)])
