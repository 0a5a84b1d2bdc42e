"""Errors name the options of the command line, and not the arguments of the SDK."""

from __future__ import annotations

from pathlib import Path

import pytest
from amlflow.core.runs.run import Run
from helpers.command_line import Cli

BEFORE: dict[str, str] = {
    "model download -i m:1 -t here": "model register -n m -p t.py",
    "dataset download -n d -d here": "dataset register -n d --data-path t.py",
    "dataset register -n d --data-path u.py": "dataset register -n d --data-path t.py",
}
"""For each command that fails, what comes before it. A download is made twice."""


@pytest.mark.parametrize("command", BEFORE)
def test_a_refusal_names_the_option(command: str, run: Run, cli: Cli, folder: Path) -> None:
    (folder / "u.py").write_text("1")
    assert cli(*BEFORE[command].split()).code == 0
    if "download" in command:
        assert cli(*command.split()).code == 0
    refused = cli(*command.split())
    assert refused.code == 1
    assert ("--overwrite" if "download" in command else "--create-new-version") in refused.err
    assert "=True" not in refused.err
    assert "exist_ok" not in refused.err


def test_advice_that_only_code_can_follow_is_left_out(run: Run, cli: Cli, folder: Path) -> None:
    refused = cli("dataset", "register", "-n", "d", "--data-path", "none.csv")
    assert refused.code == 3
    assert refused.err.rstrip().endswith("it does not exist, or the folder is empty.")
