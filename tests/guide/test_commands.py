"""The commands of docs/cli.md print what it shows, and the guide's lines run in a shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from amlflow.cli.commands import COMMANDS
from blocks import PROJECT, block, read_blocks
from helpers import servers
from helpers.consoles import Console, commands, run_block

HERE = Path(__file__).parent


TRAIN = """\
import sys
from azureml.core import Run

Run.get_context().log("accuracy", 0.9)
print("trained with", *sys.argv[1:])
"""


CONSOLES = [
    block("cli-attach"),
    block("cli-query"),
    block("cli-query-metrics"),
    block("cli-show"),
    block("cli-read"),
    block("cli-logs"),
    block("cli-plot"),
    block("cli-files"),
    block("cli-compare"),
    block("cli-tensorboard"),
    block("cli-update"),
    block("cli-cancel"),
    block("cli-mark-failed"),
    block("cli-delete"),
    block("cli-submit"),
    block("cli-models"),
    block("cli-workspaces"),
    block("cli-data"),
    block("cli-targets"),
    block("cli-environments"),
    block("cli-plugins"),
    block("cli-shell"),
    block("cli-version"),
]
"""The page's blocks, in its order: each starts from what those before it left."""


def test_the_commands_print_what_the_page_shows(project: Path, jobs: Path) -> None:
    (project / "train.py").write_text(TRAIN)
    (project / "people.csv").write_text("name,age\nAda,36\n")
    console = Console()
    for text in CONSOLES:
        run_block(text, project, console)


def test_the_blocks_run_in_the_order_of_the_page() -> None:
    page = PROJECT / "docs" / "cli.md"
    shown = [each.text for each in read_blocks(page) if each.language == "console"]
    assert shown == CONSOLES


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_shown(command: str) -> None:
    pages = (PROJECT / "docs" / name for name in ("cli.md", "logging.md"))
    shown = [each.text for page in pages for each in read_blocks(page)]
    assert any(
        re.search(rf"\bamlflow {command}\b", line) for text in shown for line, _ in commands(text)
    )


def test_the_guides_lines_in_a_shell(folder: Path, jobs: Path, server_uri: str) -> None:
    # Each line is a process, and none imports MLflow if the runs are on a server.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", str(HERE / "cli.sh")],
        cwd=folder,
        env=servers.clean_environment(PATH=path, MLFLOW_TRACKING_URI=server_uri),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "The guide's lines have run."
