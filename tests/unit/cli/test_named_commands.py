"""The commands that messages advise exist, with the flags that the messages name."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from amlflow.cli.arguments import ARGUMENTS
from amlflow.cli.commands import COMMANDS
from amlflow_page.command import ui

PROJECT = Path(__file__).parents[3]
COMMAND = re.compile(r"`amlflow ([a-z][^`]*)`")
GLOBAL = {"--help", "--query", "--output", "-o", "-h", "--debug", "--verbose", "--only-show-errors"}


def advised() -> Iterator[tuple[str, str]]:
    """Each command in a text of the sources, with its file. A value in a text is an X."""
    for path in sorted([*PROJECT.glob("adapter/**/*.py"), *PROJECT.glob("plugins/**/*.py")]):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            text = "".join(
                part.value
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
                else "X"
                for part in parts
            )
            for match in COMMAND.finditer(text):
                yield " ".join(match[1].split()), str(path.relative_to(PROJECT))


def flags_of(command: str) -> set[str]:
    if command == "ui":
        return {f"--{name.replace('_', '-')}" for name in inspect.signature(ui).parameters}
    names = COMMANDS[command].arguments
    return {flag for name in names for flag in ARGUMENTS[name]["options_list"]}


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
