"""What the README shows runs as it stands."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import services

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


def run(*command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=services.clean_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_the_first_example(folder: Path) -> None:
    done = run("-c", blocks("python")[0], folder=folder)
    assert "Completed {'loss': 0.25}" in done.stdout
    assert "Run(Experiment: explore-runs" in done.stdout
    # With no config.json, once, and the store is where `mlflow ui` looks.
    assert done.stderr.count("No config.json at or above") == 1
    assert (folder / "mlflow.db").is_file()


def test_a_script_is_submitted(folder: Path, tmp_path: Path) -> None:
    done = run("-c", blocks("python")[1], folder=folder, AMLFLOW_JOBS=str(tmp_path / "jobs"))
    assert "epoch 2" in done.stdout
    assert "Completed {'loss': [1.0, 0.5, 0.3333333333333333]}" in done.stdout


def test_the_compute_targets_are_known(folder: Path) -> None:
    (folder / ".azureml").mkdir()
    (folder / ".azureml" / "compute.yaml").write_text(blocks("yaml")[0])
    from amlflow.core.workspace import Workspace

    assert set(Workspace("s", "g", "w").compute_targets) == {"gpu-cluster", "local"}


def test_quickstart_tells_the_story_and_how_to_open_the_page(folder: Path) -> None:
    done = run("-m", "amlflow", "quickstart", folder=folder)
    for piece in ("Completed", "azureml-user", "properties are immutable", "'fantastic run'"):
        assert piece in done.stdout
    assert "`amlflow ui`, in this folder," in done.stdout
    assert "http://127.0.0.1:5000/#/experiments/1/runs/" in done.stdout


def test_the_config_is_one(folder: Path) -> None:
    (folder / "config.json").write_text(blocks("json")[0])
    from amlflow.core.workspace import Workspace

    workspace = Workspace.from_config()
    assert workspace.get_mlflow_tracking_uri() == json.loads(blocks("json")[0])["tracking_uri"]


PROJECT = Path(__file__).parents[2]
SOURCES = [
    each.read_text(encoding="utf-8")
    for folder in ("adapter", "plugins")
    for each in (PROJECT / folder).rglob("*.py")
]
CONFIGURATION = README.partition("\n## Configuration\n")[2].partition("\n## ")[0]
SET_ONLY = {
    "AMLFLOW_AGENT_LOCK", "AMLFLOW_CHECK_KIND", "AMLFLOW_CHECK_URI", "PIP_BREAK_SYSTEM_PACKAGES",
}  # fmt: skip
"""Variables by which one process of amlflow tells another, or pip, something."""


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([A-Z]+LOW_[A-Z_]+)`", README))))
def test_every_setting_named_is_read_somewhere(name: str) -> None:
    if name.startswith("MLFLOW_"):
        import mlflow.environment_variables

        assert hasattr(mlflow.environment_variables, name)
    elif not name.startswith("AMLFLOW_CORE_"):  # knack's, tested with the commands
        assert any(f'"{name}"' in each for each in SOURCES)


def test_every_setting_read_is_in_the_table() -> None:
    names = r'"((?:AMLFLOW|MLFLOW|TRACKIO|HF|PIP|XDG|HTTPS?|NO)_[A-Z_]+)"'
    read = {name for each in SOURCES for name in re.findall(names, each)}
    named = set(re.findall(r"`([A-Z_]+)`", CONFIGURATION))
    assert read - named == SET_ONLY
