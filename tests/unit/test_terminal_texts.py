"""Control characters in names and logs of a run are not printed to a terminal."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import pytest
import yaml
from amlflow.cli import output
from amlflow.cli.app import _escape_message
from amlflow.terminal_texts import LogOutput, escape_controls, keep_colors, plain_text

CLIPBOARD = "\x1b]52;c;cm0gLXJmIC8=\x07"
CASES = json.loads((Path(__file__).parents[1] / "helpers/terminal_texts.json").read_text())
COMMANDS = (
    "\x1b[2J", "\x1b[1A", "\x1b[?1049h", "\x1b]0;title\x07", "\x1b]0;title\x1b\\", CLIPBOARD,
    "\x1bc", "\x1bP1$r\x1b\\", "\x07", "\x08", "\x9b2J", "\x9d0;title\x9c", "\x1b[5i",
    "\x00", "\x7f",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=repr)
def test_a_log_has_no_commands_but_colours(command: str) -> None:
    shown = keep_colors(f"a\t\x1b[1;31mred\x1b[0m{command}b\r\nc")
    assert shown.startswith("a\t\x1b[1;31mred\x1b[0m")
    assert shown.endswith("b\r\nc")
    rest = shown.replace("\x1b[1;31m", "").replace("\x1b[0m", "")
    assert not set(rest) & {"\x1b", "\x07", "\x08", "\x9b", "\x9d", "\x00", "\x7f"}


def test_a_string_without_an_end_is_shown_as_text() -> None:
    assert keep_colors("\x1b]52;c;abc\nmore") == "52;c;abc\nmore"


def test_commands_that_two_pieces_share_are_found() -> None:
    for command, shown in (("\x1b[31m", "\x1b[31m"), ("\x1b[2J", "")):
        for at in range(1, len(command)):
            file = io.StringIO()
            log = LogOutput(file)
            log.write("a" + command[:at])
            log.write(command[at:] + "b")
            assert file.getvalue() == f"a{shown}b"


@pytest.mark.parametrize("form", output.FORMATS)
def test_no_form_of_output_has_commands(form: str) -> None:
    for command in COMMANDS:
        result = [{"name": f"n{command}", "tags": {f"k{command}": f"v{command}\u202e"}}]
        text = output.format_result(result, form, False, None, 60)
        assert not set(text) & set("\x1b\x07\x08\x9b\x9d\x9c\x00\x7f\u202e"), repr(command)
        if form in ("json", "yaml"):
            assert yaml.safe_load(text) == result


def test_a_message_has_no_commands() -> None:
    record = logging.LogRecord("amlflow", logging.WARNING, "", 0, "Run %s", (CLIPBOARD,), None)
    assert _escape_message(record)
    assert record.getMessage() == r"Run \x1b]52;c;cm0gLXJmIC8=\x07"
    assert escape_controls("a\tb\nc é 日") == "a\tb\nc é 日"


@pytest.mark.parametrize(("text", "shown"), CASES, ids=repr)
def test_plain_text_is_what_a_terminal_shows(text: str, shown: str) -> None:
    """The tests of the page's JavaScript read the same cases."""
    assert plain_text(text) == shown
    assert plain_text(f"one\n{text}\r\nthree\n") == f"one\n{shown}\nthree\n"
