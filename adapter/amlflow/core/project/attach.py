"""Attaches a project's folder to a workspace, and writes files that submitting reads."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from amlflow.core.arguments import check_experiment_name
from amlflow.core.experiment import Experiment
from amlflow.core.project.config_json import FILE, FOLDER, Config, find_config, write_config
from amlflow.core.store import DEFAULT_NAME, NO_SUBSCRIPTION
from amlflow.core.workspace import Workspace, configured_workspace, remember_workspace
from amlflow.exceptions import UserErrorException
from amlflow.local_paths import PathNotFound
from amlflow.working_folder import working_folder

_RUN_CONFIGURATION = """\
# A run configuration; `amlflow run submit-script -c {name}` uses it.
script: train.py
arguments: []
target: local
framework: Python
communicator: None
maxRunDurationSeconds:
nodeCount: 1
environment:
  name: {name}
  environmentVariables: {{}}
  python:
    userManagedDependencies: false
    interpreterPath: python
    condaDependenciesFile: {folder}/conda_dependencies.yml
  docker:
    enabled: {docker}
    baseImage: {image}
    arguments: []
docker:
  useDocker: {docker}
history:
  outputCollection: true
  snapshotProject: true
  directoriesToWatch:
  - logs
environmentVariables: {{}}
"""
_CONDA = """\
# The packages that the scripts import. The run configurations beside this file name it.
name: project_environment
dependencies:
- python
- pip
- pip:
  - amlflow
"""
_IGNORED = """\
# What stays out of a snapshot of this folder, as in a .gitignore.
.azureml/
.git/
.venv/
__pycache__/
.ipynb_checkpoints/
mlflow.db
mlruns/
outputs/
"""
IMAGE = "python:3-slim"


def attach_folder(
    folder: Path,
    *,
    workspace_name: str | None = None,
    resource_group: str | None = None,
    subscription_id: str | None = None,
    experiment_name: str | None = None,
) -> Workspace:
    """Attach a folder to a workspace (and an experiment). An argument that is None changes nothing.

    The config is replaced. Other files that exist already stay as they are.

    Raises:
        UserErrorException: the folder does not exist; or the experiment does not exist, and the
            name is not valid for a new one.
    """
    if not folder.is_absolute():
        folder = working_folder() / folder
    if not folder.is_dir():
        raise PathNotFound(f"{str(folder)!r} is not a folder. Make the folder to attach first.")
    old_config = find_config(folder)
    if old_config is not None and old_config.folder != folder:
        old_config = dataclasses.replace(old_config, experiment_name=None, folder=folder)
    if old_config is None or workspace_name not in (None, old_config.workspace_name):
        old_config = Config(NO_SUBSCRIPTION, DEFAULT_NAME, DEFAULT_NAME, None, None, folder)
    config = dataclasses.replace(
        old_config,
        workspace_name=workspace_name or old_config.workspace_name,
        resource_group=resource_group or old_config.resource_group,
        subscription_id=subscription_id or old_config.subscription_id,
        experiment_name=experiment_name or old_config.experiment_name,
    )
    workspace = configured_workspace(config)
    if experiment_name is not None:
        try:
            check_experiment_name(experiment_name)
        except UserErrorException:  # the rules are for new names; the experiment may exist
            if not Experiment.list(workspace, experiment_name, "All"):
                raise
    remember_workspace(workspace)
    content = {
        "subscription_id": config.subscription_id,
        "resource_group": config.resource_group,
        "workspace_name": config.workspace_name,
        "tracking_uri": config.tracking_uri,
        "experiment_name": config.experiment_name,
    }
    write_config(folder, FILE, {key: value for key, value in content.items() if value})
    _make(folder)
    return workspace


def _make(folder: Path) -> None:
    for name, docker in (("local", "false"), ("docker", "true")):
        image = IMAGE if docker == "true" else ""
        text = _RUN_CONFIGURATION.format(name=name, docker=docker, image=image, folder=FOLDER)
        _write_new(folder / FOLDER / f"{name}.runconfig", text.replace(": \n", ":\n"))
    _write_new(folder / FOLDER / "conda_dependencies.yml", _CONDA)
    _write_new(folder / ".amlignore", _IGNORED)


def _write_new(path: Path, text: str) -> None:
    if not path.exists():
        path.write_text(text, encoding="utf-8")
