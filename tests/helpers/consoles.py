"""Runs ``console`` blocks: ``$ command`` lines, each with its output.

To be quick, amlflow's commands run in this process. A command may be ``NAME=$(amlflow …)``, contain
``$NAME`` and ``$(amlflow …)``, and end with ``| head -N``.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from amlflow.cli import main
from masks import masked


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block with the output in the block."""
    for shown in re.split(r"^\$ ", block, flags=re.M)[1:]:
        command, _, output = shown.partition("\n")
        yield command, output


class Console:
    """A small shell that runs amlflow's commands only."""

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}

    def run(self, line: str) -> str:
        """Run a command, and return what it prints on stdout and stderr."""
        assigned = re.fullmatch(r"(\w+)=\$\((.*)\)", line)
        if assigned:
            self.variables[assigned[1]] = self.run(assigned[2]).strip()
            return ""
        line = re.sub(r"\$\((amlflow [^()]*(?:\([^()]*\)[^()]*)*)\)", self._substitute, line)
        line = re.sub(r"\$(\w+)", lambda name: self.variables[name[1]], line)
        line, _, lines = line.partition(" | head -")
        program, *words = shlex.split(line)
        assert program == "amlflow", line
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            main(words)
        text = printed.getvalue()
        return "".join(text.splitlines(keepends=True)[: int(lines)]) if lines else text

    def _substitute(self, command: re.Match[str]) -> str:
        return self.run(command[1]).strip()


def run_block(block: str, folder: Path, console: Console | None = None) -> None:
    """Run the commands of a console block, and check that each prints the output in the block."""
    console = console or Console()
    for command, shown in commands(block):
        printed = console.run(command)
        # The quickstart's output is not shown in the block.
        if "quickstart" not in command:
            assert masked(printed, folder) == masked(shown, folder), f"{command}\n{printed}"
