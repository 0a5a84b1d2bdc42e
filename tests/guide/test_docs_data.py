"""The blocks of docs/data.md run as they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from amlflow.core.workspace import Workspace
from blocks import block
from helpers import servers
from masks import masked


def run(code: str, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=servers.clean_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_data_is_registered_read_and_used(folder: Path, sqlite_uri: str, tmp_path: Path) -> None:
    (folder / "titanic.csv").write_text(block("data-file"))
    (folder / "src").mkdir()
    (folder / "src" / "train.py").write_text(block("data-script"))
    environment = {"MLFLOW_TRACKING_URI": sqlite_uri, "AMLFLOW_JOBS": str(tmp_path / "jobs")}
    shown = run(block("data"), folder, **environment)
    assert masked(shown, folder) == masked(block("data-output"), folder)
    done = run(block("data-submit"), folder, **environment)
    assert "files ['titanic.csv']" in done
    assert done.splitlines()[-2] == "['/ages.csv']"
    assert "'titanic'" in done.splitlines()[-1]


def test_datastores_are_declared(folder: Path) -> None:
    (folder / ".azureml").mkdir()
    (folder / ".azureml" / "datastores.yaml").write_text(block("datastores"))
    workspace = Workspace("s", "g", "w")
    assert set(workspace.datastores) > {"training", "scratch"}
    assert workspace.get_default_datastore().name == "scratch"
    assert workspace.datastores["training"].address == "s3://company-data/training"
