"""``run submit-script``, and ``run logs -f`` of a script."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from amlflow.cli import main
from amlflow.core.data.entry import Dataset
from amlflow.core.experiment import Experiment
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


def test_submit_script(cli: Any, store: str, folder: Path, jobs: Path) -> None:
    (folder / "train.py").write_text("import sys\nprint('got', sys.argv[1:])\n")
    cli("folder", "attach", "-w", "w", "-e", "testexperiment")
    (folder / ".azureml/local.runconfig").rename(folder / ".azureml/sklearn.runconfig")
    words = ("run", "submit-script", "-c", "sklearn", "-e", "testexperiment", "train.py")
    done = cli(*words, "--epochs", "3", "-o")
    assert (done.json["status"], done.json["script_name"]) == ("Completed", "train.py")
    assert done.json["_experiment_name"] == "testexperiment"
    assert "got ['--epochs', '3', '-o']" in done.err


def test_submit_script_ends_with_the_scripts_success(
    cli: Any, store: str, folder: Path, jobs: Path
) -> None:
    (folder / "bad.py").write_text("raise SystemExit('no data')\n")
    done = cli("run", "submit-script", "bad.py")
    assert done.code == 1
    assert json.loads(done.out)["status"] == "Failed"  # it is printed all the same
    assert "no data" in done.err
    assert cli("run", "submit-script", "--async", "bad.py").code == 0


def test_submit_script_keeps_a_conda_file(cli: Any, store: str, folder: Path, jobs: Path) -> None:
    (folder / "train.py").write_text("pass\n")
    (folder / "conda.yml").write_text("dependencies: [python=3.8, numpy]\n")
    done = cli("run", "submit-script", "-d", "conda.yml", "train.py")
    assert done.json["status"] == "Completed"
    [run] = Experiment(Workspace.from_config(), "work").get_runs()
    python = run.get_details()["runDefinition"]["environment"]["python"]
    assert python["condaDependencies"]["dependencies"] == ["python=3.8", "numpy"]


def test_submit_script_without_waiting(cli: Any, store: str, folder: Path, jobs: Path) -> None:
    (folder / "slow.py").write_text("import time\ntime.sleep(600)\n")
    run_id = cli("run", "submit-script", "--async", "--target", "local", "slow.py").json["run_id"]
    assert cli("run", "list").json[0]["_experiment_name"] == "work"
    assert cli("run", "cancel", "-r", run_id).code == 0
    assert cli("run", "monitor-logs", "-r", run_id).json["status"] == "Canceled"


def test_logs_are_followed_to_the_runs_end(
    cli: Any, store: str, folder: Path, jobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = folder / "shown"

    class Screen(io.StringIO):
        def write(self, text: str) -> int:
            if "begun" in text:
                shown.touch()
            return super().write(text)

    (folder / "source").mkdir()
    (folder / "source" / "slow.py").write_text(
        "import pathlib, time\nprint('begun', flush=True)\n"
        f"while not pathlib.Path({str(shown)!r}).exists(): time.sleep(0.02)\nprint('ended')\n"
    )
    words = ("run", "submit-script", "--async", "--source-directory", "source", "slow.py")
    run_id = cli(*words).json["run_id"]
    monkeypatch.setattr(sys, "stdout", screen := Screen())
    assert main(["run", "logs", "-f", "-r", run_id]) == 0
    assert re.search(r"begun\nended\n\s*Execution Summary", screen.getvalue())
