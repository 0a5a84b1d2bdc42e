"""Makes texts of other people safe for a terminal.

A text can contain commands for a terminal: they move the cursor over earlier lines, set the title,
or fill the clipboard. In a name or a message, amlflow shows them as escapes. In the text of a log,
it keeps colours, tabs and the carriage returns of progress bars, and leaves out other commands. A
downloaded log has all of its bytes. What is searched for words or shown in a page is plain text:
what a terminal would show, without colours.
"""

from __future__ import annotations

import re
from typing import TextIO

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
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
_STRING = re.compile(r"\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\|$)", re.MULTILINE)
"""A title, the address of a link, an image, and other texts that are not shown."""
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[()*+][A-Za-z0-9]|[@-OQ-WYZ\\<=>c78])?")
_REPLACED = re.compile(r"^[^\n]*\r(?=[^\r\n])|\r+$", re.MULTILINE)
"""What a carriage return replaces in a line, and carriage returns at its end."""
_UNSEEN = re.compile(r"[\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]")
_ERASED = re.compile(r"^.*\x08.*$", re.MULTILINE)


def plain_text(text: str) -> str:
    """Return what a terminal shows of a text, without colours. It has as many lines as the text.

    Commands, and what a carriage return or backspaces replace, are left out. The studio's
    ``log_text.js`` does the same.
    """
    if "\r" in text:
        text = _REPLACED.sub("", text)
    if "\x1b" in text:
        text = _STRING.sub("", text)
    text = _UNSEEN.sub("", text)  # a terminal takes them out of a sequence, too
    if "\x1b" in text:
        text = _SEQUENCE.sub("", text)
    return _ERASED.sub(lambda line: _erase(line[0]), text) if "\x08" in text else text


def _erase(line: str) -> str:
    """Return a line without backspaces and the characters before them."""
    kept = list[str]()
    for character in line:
        if character != "\x08":
            kept.append(character)
        elif kept:
            kept.pop()
    return "".join(kept)


def escape_controls(text: str) -> str:
    """Return the text with an escape such as ``\\x1b`` for each character that is a command."""
    return CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


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
