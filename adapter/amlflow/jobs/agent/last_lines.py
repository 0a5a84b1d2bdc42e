"""The last lines of a failed script's output, for the message of the run's error."""

from __future__ import annotations

import os
from pathlib import Path

from amlflow.plugins import explain_failure
from amlflow.terminal_texts import plain_text

LAST_LINES = 20
MAX_READ = 1 << 16
"""How many bytes of a log's end are read."""


def last_lines(text: str) -> str:
    """Return the last lines of a text as plain text: a progress bar is one line."""
    return "\n".join(plain_text(text).rstrip("\n").split("\n")[-LAST_LINES:])


def read_last_lines(log: Path, errors_end: int | None = None) -> str:
    """Read the last lines of a log, or of its part up to ``errors_end``, the end of the errors."""
    try:
        with log.open("rb") as file:
            end = errors_end or os.fstat(file.fileno()).st_size
            begin = max(0, end - MAX_READ)
            file.seek(begin)
            return last_lines(file.read(end - begin).decode("utf-8", "replace"))
    except OSError:
        return ""


def add_last_lines(message: str, lines: str, which: str) -> str:
    """Add the lines to a message, and what plugins know about these lines. Without lines, nothing.

    ``which`` names the lines, such as "the log".
    """
    if not lines:
        return message
    message = f"{message} The last lines of {which}:\n{lines}"
    # The plugins' text comes last, since only the end of a long message is kept.
    return "\n".join([message, *explain_failure(lines)])
