"""The examples of README.md and docs/ pass ``mypy --strict`` against the installed drop-in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jedi
from blocks import all_blocks


def check_types(folder: Path) -> str:
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir", "cache"]
    done = subprocess.run(
        [*mypy, "."],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_the_examples_are_typed_and_a_wrong_name_is_found(tmp_path: Path) -> None:
    for block in all_blocks():
        if block.language == "python" and "azureml" in block.text and block.name:
            path = tmp_path / f"{block.name.replace('-', '_')}.py"
            path.write_text(block.text, encoding="utf-8")
    assert (tmp_path / "example.py").exists()
    (tmp_path / "wrong.py").write_text(
        "from azureml.core import Experiment, Workspace\n\n"
        "Experiment(Workspace.from_config(), 'a').start_logging().logg('loss', 1)\n"
    )
    errors = [line for line in check_types(tmp_path).splitlines() if "error:" in line]
    assert errors == ['wrong.py:3: error: "Run" has no attribute "logg"  [attr-defined]']


def test_completion_shows_the_signature_and_the_docstring(tmp_path: Path) -> None:
    code = "from azureml.core import Experiment, Workspace\n"
    code += "run = Experiment(Workspace.from_config(), 'a').start_logging()\nrun.log("
    script = jedi.Script(code, path=tmp_path / "script.py")
    [signature] = script.get_signatures(3, 8)
    assert signature.to_string().startswith('log(name: str, value: Any, description: str=""')
    assert "Log a single value" in signature.docstring(raw=True)
