"""``run submit-script`` with the script and the data of a run configuration."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from amlflow.core.data.entry import Dataset
from amlflow.core.scripts.script_run_config import (
    ScriptRunConfig,
    get_run_config_from_script_run,
)
from amlflow.core.workspace import Workspace


def test_submit_script_with_the_script_and_data_of_the_configuration(
    workspace: Workspace, folder: Path, jobs: Path
) -> None:
    (folder / "train.py").write_text("import os, sys\nprint('got', os.listdir(sys.argv[1]))\n")
    (folder / "digits").mkdir()
    (folder / "digits/one.txt").touch()
    digits = Dataset.File.from_files("digits").register(workspace, "digits")
    config = ScriptRunConfig(".", "train.py", [digits.as_named_input("digits").as_mount()])
    get_run_config_from_script_run(config).save(name="digits")
    # A process of its own, since it imports less than this one.
    words = ["-m", "amlflow", "run", "submit-script", "-c", "digits", "-e", "testexperiment"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "got ['one.txt']" in done.stderr
