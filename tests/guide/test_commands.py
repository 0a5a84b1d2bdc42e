"""The README's commands print what it shows, and the guide's CLI lines run in a shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import services
from amlflow.cli.commands import COMMANDS
from consoles import Console, commands

HERE = Path(__file__).parent
README = (HERE.parents[1] / "README.md").read_text(encoding="utf-8")


TRAIN = """\
import sys
from azureml.core import Run

Run.get_context().log("accuracy", 0.9)
print("trained with", *sys.argv[1:])
"""


def masked(text: str, folder: Path) -> str:
    """The text without what differs from run to run, and without the widths of columns."""
    for pattern, shown in (
        (re.escape(str(folder)), "/project"),
        (r"\b[0-9a-f]{32}\b", "ID"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+Z)?", "TIME"),
        (r"\b[a-z]+-[a-z]+-\d+\b", "NAME"),
        (r"\b\d:\d\d:\d\d\b", "DURATION"),
        (r'("user_id"|"created_by"): "[^"]*"', r'\1: "USER"'),
        (r"--+", "--"),
        (r"[ \t]+", " "),
        (r" *\n", "\n"),
    ):
        text = re.sub(pattern, shown, text)
    return text.strip()


def test_the_readmes_commands(folder: Path, jobs: Path) -> None:
    (folder / "train.py").write_text(TRAIN)
    console = Console()
    for command, shown in commands(README):
        printed = console.run(command)
        if "quickstart" not in command:
            assert masked(printed, folder) == masked(shown, folder), command


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str) -> None:
    assert any(re.search(rf"\bamlflow {command}\b", line) for line, _ in commands(README))


def test_the_guides_lines_in_a_shell(folder: Path, jobs: Path) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", str(HERE / "cli.sh")],
        cwd=folder,
        env=services.clean_environment(PATH=path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "The guide's lines have run."
