"""Makes texts of other people safe for a terminal.

A text can contain commands for a terminal: they move the cursor over earlier lines, set the title,
or fill the clipboard. In a name or a message, amlflow shows them as escapes. In the text of a log,
it keeps colours, tabs and the carriage returns of progress bars, and leaves out other commands. A
downloaded log has all of its bytes.
"""

from __future__ import annotations

import re
from typing import TextIO

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Control characters, except tab and line feed, and characters that change the direction of text.
"""
_COMMAND = re.compile(
    r"(?P<color>\x1b\[[0-9;:]*m)"
    r"|\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b]{0,1000}(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
_BEGUN = re.compile(r"\x1b(?:\[[0-?]{0,30})?$")
"""The beginning of a command at the end of a piece. The next piece of the log has the rest."""


def escape_controls(text: str) -> str:
    """Return the text with an escape such as ``\\x1b`` for each character that is a command."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def keep_colors(text: str) -> str:
    """Return the text of a log without commands for the terminal, except colours."""
    return _COMMAND.sub(lambda match: match["color"] or "", text)


class LogOutput:
    """An output for the text of a log, which is written piece by piece to a terminal or file."""

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._begun = ""

    def write(self, text: str) -> None:
        """Write a piece. The beginning of a command at its end is written with the next piece."""
        text = self._begun + text
        begun = _BEGUN.search(text)
        end = len(text) if begun is None else begun.start()
        self._begun = text[end:]
        self._output.write(keep_colors(text[:end]))
