"""Relative paths of environments, configurations and files in a working folder that was deleted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.workspace import Workspace
from amlflow.exceptions import UserErrorException
from azureml.core import Environment, Experiment, RunConfiguration
from azureml.core.conda_dependencies import CondaDependencies
from helpers.memory_workspace import tracker, workspace
from helpers.removal import enter_deleted_folder

__all__ = ["tracker", "workspace"]


def _with_file(name: str) -> Environment:
    environment = Environment("x")
    environment.python.conda_dependencies.set_pip_requirements([f"-r {name}"])
    return environment


CALLS: dict[str, Callable[[Workspace, Any], Any]] = {
    "save an environment": lambda workspace, run: Environment("x").save_to_directory("here"),
    "load an environment": lambda workspace, run: Environment.load_from_directory("here"),
    "register one": lambda workspace, run: _with_file("a.txt").register(workspace),
    "conda file": lambda workspace, run: Environment.from_conda_specification("x", "a.yml"),
    "requirements": lambda workspace, run: Environment.from_pip_requirements("x", "a.txt"),
    "wheel": lambda workspace, run: Environment.add_private_pip_wheel(workspace, "a.whl"),
    "save packages": lambda workspace, run: CondaDependencies().save("a.yml"),
    "save a configuration": lambda workspace, run: RunConfiguration().save(name="local"),
    "load one": lambda workspace, run: RunConfiguration.load(".", "local"),
    "write config.json": lambda workspace, run: workspace.write_config(),
    "upload a file": lambda workspace, run: run.upload_file("file", "a.txt"),
    "upload files": lambda workspace, run: run.upload_files(["file"], ["a.txt"]),
    "upload a folder": lambda workspace, run: run.upload_folder("folder", "here"),
    "image": lambda workspace, run: run.log_image("image", path="a.png"),
    "download a file": lambda workspace, run: run.download_file("a.txt", "b.txt"),
    "download files": lambda workspace, run: run.download_files(),
    "logs": lambda workspace, run: run.get_all_logs(),
    "snapshot": lambda workspace, run: run.restore_snapshot(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_relative_path_names_the_working_folder(
    workspace: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[[Workspace, Any], Any],
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.txt").write_text("1")
    run = Experiment(workspace, "paths").start_logging(snapshot_directory=str(source))
    run.upload_file("a.txt", str(source / "a.txt"))
    enter_deleted_folder(tmp_path, monkeypatch)
    with pytest.raises(UserErrorException, match="The working folder was deleted"):
        call(workspace, run)


def test_absolute_paths_need_no_working_folder(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Experiment(workspace, "paths").start_logging(snapshot_directory=None)
    enter_deleted_folder(tmp_path, monkeypatch)
    Environment("x").save_to_directory(tmp_path / "saved")
    assert Environment.load_from_directory(tmp_path / "saved").name == "x"
    assert Environment("x").register(workspace).version == "1"
    RunConfiguration().save(tmp_path, "local")
    run.upload_folder("saved", str(tmp_path / "saved"))
    run.download_files(output_directory=str(tmp_path / "downloaded"))
    assert (tmp_path / "downloaded/saved/azureml_environment.json").is_file()
