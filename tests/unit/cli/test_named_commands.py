"""The commands that messages advise exist, with the flags that the messages name."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator

import pytest
from amlflow.cli.arguments import ARGUMENTS
from amlflow.cli.commands import COMMANDS
from amlflow_page.command import ui
from helpers.sources import name_of, nodes_of, python_files, text_of

COMMAND = re.compile(r"`amlflow ([a-z][^`]*)`")
GLOBAL = {"--help", "--query", "--output", "-o", "-h", "--debug", "--verbose", "--only-show-errors"}


def advised() -> Iterator[tuple[str, str]]:
    """Each command in a text of the sources, with its file. A value in a text is an X."""
    for path in python_files():
        for node in nodes_of(path) if "`amlflow" in text_of(path) else []:
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            text = "".join(
                part.value
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
                else "X"
                for part in parts
            )
            for match in COMMAND.finditer(text):
                yield " ".join(match[1].split()), name_of(path)


def flags_of(command: str) -> set[str]:
    if command == "ui":
        return {f"--{name.replace('_', '-')}" for name in inspect.signature(ui).parameters}
    names = COMMANDS[command].arguments
    return {flag for name in names for flag in ARGUMENTS[name]["options_list"]}


@pytest.mark.xdist_group("sources")  # one process parses all files
def test_commands_in_messages_exist() -> None:
    known = {*COMMANDS, "ui"}
    found = 0
    for text, path in advised():
        words = text.partition(".py ")[0].split()  # what follows is the script's
        lengths = [n for n in range(len(words), 0, -1) if " ".join(words[:n]) in known]
        flags = [word for word in words if re.fullmatch(r"--?[a-z][a-z-]*", word)]
        if not lengths:
            assert not flags, (path, text)  # it names a group, or says "amlflow …" only
            continue
        found += 1
        unknown = set(flags) - flags_of(" ".join(words[: lengths[0]])) - GLOBAL
        assert not unknown, (path, text)
    assert found > 40
