"""Workspaces on a real store: their names, experiments, compute targets and runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.core.store import NO_SUBSCRIPTION
from amlflow.core.workspace import Workspace
from amlflow.exceptions import (
    ComputeTargetException,
    ServiceException,
    UserErrorException,
)

NAMES = {"subscription_id": "s-1", "resource_group": "group", "workspace_name": "ws"}


def config(path: Path, **more: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**NAMES, **more}), encoding="utf-8")
    return path


def test_from_config_reads_a_legacy_project_file(store: str, folder: Path) -> None:
    scope = "/subscriptions/S/resourceGroups/R/providers/X/workspaces/W/projects/P"
    (folder / "project.json").write_text(json.dumps({"Scope": scope}))
    ws = Workspace.from_config()
    assert (ws.subscription_id, ws.resource_group, ws.name) == ("S", "R", "W")
    assert Experiment.from_directory(str(folder)).name == "P"


@pytest.mark.parametrize(
    "logging_of_the_script",
    [
        "",
        "logging.basicConfig()",
        "logging.basicConfig(filename='log.txt')",
        "logging.basicConfig(level=logging.ERROR)",
        "logging.getLogger('amlflow').setLevel(logging.CRITICAL)",
    ],
)
def test_a_workspace_that_nobody_named_is_said_on_the_console_once(
    folder: Path, logging_of_the_script: str
) -> None:
    code = f"""
import logging
{logging_of_the_script}
from azureml.core import Workspace
Workspace.from_config(), Workspace.from_config()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    [line] = done.stderr.splitlines()
    assert f"No config.json at or above {folder}: using the workspace 'local'" in line
    assert done.stdout == ""


@pytest.mark.parametrize("chosen", ["a database that is there", "a tracker of the environment"])
def test_a_database_that_is_there_or_was_chosen_is_not_announced(
    folder: Path, chosen: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    if chosen == "a database that is there":
        (folder / "mlflow.db").touch()
    else:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:1")
    Workspace.from_config()
    assert caplog.text == ""


def test_a_script_may_leave_its_folder(folder: Path, sqlite_uri: str) -> None:
    (folder / "mlflow.db").write_bytes(Path(sqlite_uri.removeprefix("sqlite:///")).read_bytes())
    ws = Workspace.from_config()
    os.chdir("/")
    run = Experiment(ws, "e").start_logging(snapshot_directory=None)
    run.complete()
    assert not Path("/mlflow.db").exists()
    assert ws.get_run(run.id) == run


# what it says


def test_attributes_that_scripts_print(store: str, folder: Path) -> None:
    config(folder / "config.json")
    ws = Workspace.from_config()
    assert (ws.name, ws.subscription_id, ws.resource_group) == ("ws", "s-1", "group")
    assert (ws.location, ws.sku, ws.tags) == ("local", "basic", {})
    assert ws.discovery_url == ws.get_mlflow_tracking_uri() == store
    text = "Workspace.create(name='ws', subscription_id='s-1', resource_group='group')"
    assert repr(ws) == str(ws) == text
    details = ws.get_details()
    assert details["name"] == "ws"
    assert details["id"].endswith("/resourceGroups/group/providers/"
                                  "Microsoft.MachineLearningServices/workspaces/ws")  # fmt: skip
    assert isinstance(details["tags"], dict)


def test_the_default_workspace_has_names_too(store: str, folder: Path) -> None:
    ws = Workspace.from_config()
    assert ws.subscription_id == NO_SUBSCRIPTION
    assert ws.name
    assert ws.resource_group


def test_experiments_and_compute_targets_by_name(workspace: Workspace) -> None:
    made = Experiment(workspace, "one")
    Experiment(workspace, "two").archive()
    assert workspace.experiments["one"] == made
    assert "two" not in workspace.experiments
    local = workspace.compute_targets["local"]
    assert (local.name, local.type, local.workspace) == ("local", "local", workspace)
    assert workspace.get_default_compute_target("CPU") is None
    with pytest.raises(UserErrorException, match="'TPU'"):
        workspace.get_default_compute_target("TPU")
    with pytest.raises((KeyError, ComputeTargetException)):
        workspace.compute_targets["gpu-cluster"]


def test_get_run_finds_a_run_in_whatever_experiment(workspace: Workspace) -> None:
    run = Experiment(workspace, "one").start_logging(snapshot_directory=None)
    own = Experiment(workspace, "two").start_logging(run_id="mine", snapshot_directory=None)
    for find in (workspace.get_run, lambda run_id: Run.get(workspace, run_id)):
        assert (find(run.id), find(run.id).experiment.name) == (run, "one")
        assert (find("mine"), find("mine").id, find("mine").experiment.name) == (own, "mine", "two")
    for missing in ("0" * 32, "nobody", "no'body", "", "ü" * 40):
        with pytest.raises(ServiceException) as error:
            workspace.get_run(missing)
        assert repr(missing) in error.value.message
        assert error.value.status_code == 404


def test_html_escapes_a_workspaces_name(store: str, folder: Path) -> None:
    ws = Workspace("s", "g", "<b>")
    assert "&lt;b&gt;" in ws._repr_html_()
    assert "<b>" not in ws._repr_html_()
    assert store in ws._repr_html_()
