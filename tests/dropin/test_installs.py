"""amlflow with all that it needs, as teams install it: on each Python, by uv, beside others.

They install from a package index, so they run only if you name them:

    pytest -m long tests/dropin/test_installs.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from amlflow.environments.pythons import choose
from helpers import tools
from helpers.wheels import run
from uv import find_uv_bin

pytestmark = pytest.mark.long

UV = find_uv_bin()
SCRIPT = """
from azureml.core import Experiment, Workspace
run = Experiment(Workspace("s", "g", "w"), "installs").start_logging(snapshot_directory=None)
run.log("loss", 0.5)
run.complete()
assert Experiment(Workspace("s", "g", "w"), "installs").query("[0].metrics.loss") == 0.5
print(run.get_status())
"""
CALLBACK = """
from types import SimpleNamespace
from azureml.core import Experiment, Workspace
from transformers.integrations import AzureMLCallback, is_azureml_available
assert is_azureml_available()
run = Experiment(Workspace("s", "g", "w"), "callback").start_logging(snapshot_directory=None)
callback, state = AzureMLCallback(run), SimpleNamespace(is_world_process_zero=True)
callback.on_init_end(None, state, None)
callback.on_log(None, state, None, logs={"loss": 0.5, "epoch": 1, "name": "a text"})
run.complete()
assert run.get_metrics() == {"loss": 0.5, "epoch": 1}
print(run.get_status())
"""


def check(folder: Path, *command: str | Path) -> str:
    """Run a command on a new database in the folder. Returns what it prints."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    done = run(*command, folder=folder, MLFLOW_TRACKING_URI=uri, XDG_CONFIG_HOME=str(folder))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def install(folder: Path, python: str, *packages: str | Path) -> Path:
    """Install packages with all that they need into a new environment. Returns its programs."""
    check(folder, UV, "venv", "-q", "-p", python, "env")
    check(folder, UV, "pip", "install", "-q", "--python", "env", *packages)
    return folder / "env" / "bin"


@pytest.mark.parametrize("version", ["3.10", "3.12", "3.13", "3.14"])
def test_a_run_on_each_python(version: str, wheel: Path, folder: Path) -> None:
    python = choose(version)[0]
    if version != f"{python.minor[0]}.{python.minor[1]}":
        tools.lack(f"Python {version} (such as pyenv install {version})")
    programs = install(folder, python.path, wheel)
    assert check(folder, programs / "python", "-c", SCRIPT) == "Completed"
    listed = json.loads(check(folder, programs / "amlflow", "run", "list", "-e", "installs"))
    assert [each["status"] for each in listed] == ["Completed"]


def test_uv_runs_it_without_an_environment(wheel: Path, folder: Path) -> None:
    options = ["-q", "--no-config", "--python", sys.executable]
    (folder / "train.py").write_text(SCRIPT)
    ran = check(folder, UV, "run", *options, "--no-project", "--with", wheel, "train.py")
    assert ran == "Completed"
    tool = [UV, "tool", "run", *options, "--from", wheel, "amlflow"]
    assert len(json.loads(check(folder, *tool, "run", "list", "-e", "installs"))) == 1


@pytest.mark.parametrize("amlflow_is_first", [True, False])
def test_beside_the_newest_azureml_mlflow(
    amlflow_is_first: bool, wheel: Path, folder: Path
) -> None:
    packages: list[str | Path] = [wheel, "azureml-mlflow"]
    first, second = packages if amlflow_is_first else reversed(packages)
    programs = install(folder, sys.executable, first)
    check(folder, UV, "pip", "install", "-q", "--python", "env", second)
    check(folder, UV, "pip", "check", "--python", "env")
    assert check(folder, programs / "python", "-c", SCRIPT) == "Completed"


def test_the_callback_of_transformers_logs_to_a_run(wheel: Path, folder: Path) -> None:
    programs = install(folder, sys.executable, wheel, "transformers")
    assert check(folder, programs / "python", "-c", CALLBACK).splitlines()[-1] == "Completed"
