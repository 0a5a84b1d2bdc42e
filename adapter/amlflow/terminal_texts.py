"""Texts that others wrote, for a terminal.

A terminal takes commands among the characters that it shows: they move the cursor over what was
printed before, set the title, or fill the clipboard. A name or a message shows them as escapes. The
text of a log keeps its colours, tabs and the carriage returns of progress bars; other commands are
left out. A downloaded log has all of its bytes.
"""

from __future__ import annotations

import re
from typing import TextIO

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Control characters but tab and line feed, and those that turn the direction of writing."""
_COMMAND = re.compile(
    r"(?P<color>\x1b\[[0-9;:]*m)"
    r"|\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b]{0,1000}(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
_BEGUN = re.compile(r"\x1b(?:\[[0-?]{0,30})?$")
"""A colour's command that goes on in the next piece of a log."""


def escape_controls(text: str) -> str:
    """The text with an escape such as ``\\x1b`` for each character that a terminal acts on."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def keep_colors(text: str) -> str:
    """The text of a log without a terminal's commands, but for colours."""
    return _COMMAND.sub(lambda match: match["color"] or "", text)


class LogOutput:
    """Writes the text of a log to a terminal or file, piece by piece."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._begun = ""

    def write(self, text: str) -> None:
        """Write a piece; the beginning of a command at its end waits for the next."""
        text = self._begun + text
        begun = _BEGUN.search(text)
        end = len(text) if begun is None else begun.start()
        self._begun = text[end:]
        self._output.write(keep_colors(text[:end]))
