"""The files of models: downloaded, and their paths in a workspace, a run and a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from amlflow import plugins
from amlflow.core.models.local_copies import LocalCopyNotFound
from amlflow.core.models.model import Model
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from amlflow.exceptions import (
    ModelNotFoundException,
    WebserviceException,
)
from amlflow.spec import (
    ModelNotFound,
    Unavailable,
)
from helpers.model_workspaces import URI, register, run, workspace, write
from helpers.tracker_without_features import BareTracker

__all__ = ["run", "workspace"]


def test_download(workspace: Workspace, tmp_path: Path) -> None:
    model = register(workspace)
    Path("model.pkl").unlink()
    assert model.download() == "model.pkl"
    Path("model.pkl").write_text("changed")
    with pytest.raises(WebserviceException, match=r"set exist_ok to True\. model\.pkl"):
        model.download()
    assert Path("model.pkl").read_text() == "changed"
    assert model.download(exist_ok=True) == "model.pkl"
    assert Path("model.pkl").read_text() == "content"
    assert model.download(target_dir=str(tmp_path / "new/sub"), exists_ok=True) == str(
        tmp_path / "new/sub/model.pkl"
    )
    assert sorted(os.listdir(tmp_path)) == ["model.pkl", "new"]


def test_the_path_of_a_model_by_workspace(workspace: Workspace) -> None:
    for number in "12":
        write("net/a", number)
        write("net/b", number)
        Model.register(workspace, "net", "my-model")
    path = Model.get_model_path("my-model", _workspace=workspace)
    assert path == os.path.join("azureml-models", "my-model", "2", "net")
    assert Model.get_model_path("my-model", 1, workspace).startswith("azureml-models/my-model/1/")
    assert Path("azureml-models/my-model/1/net/a").read_text() == "1"
    assert Model.get_model_path("my-model") == path  # without a workspace, the copy
    Path(path, "a").write_text("damaged")
    assert Model.get_model_path("my-model", 2, workspace) == path
    assert Path(path, "a").read_text() == "damaged"  # as in v1, a version that is here counts
    Model.get_model_path("my-model", _workspace=workspace)
    assert Path(path, "a").read_text() == "2"
    assert sorted(os.listdir("azureml-models/my-model")) == ["1", "2"]
    for error in (WebserviceException, ModelNotFoundException):
        with pytest.raises(error, match="version 99"):
            Model.get_model_path("my-model", version=99, _workspace=workspace)


def test_the_path_of_a_model_in_a_run(
    workspace: Workspace, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(workspace)
    for name, value in {
        "AZUREML_RUN_ID": run.id, "AZUREML_ARM_SUBSCRIPTION": "s",
        "AZUREML_ARM_RESOURCEGROUP": "g", "AZUREML_ARM_WORKSPACE_NAME": "w",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    assert Model.get_model_path("my-model") == "azureml-models/my-model/1/model.pkl"
    with pytest.raises(ModelNotFound, match="name never"):
        Model.get_model_path("never")


def test_the_path_of_a_model_without_a_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AML_APP_ROOT", str(tmp_path / "app"))
    for error in (LocalCopyNotFound, ModelNotFoundException, WebserviceException):
        with pytest.raises(error, match=r"Model m not found in cache.*_workspace=workspace"):
            Model.get_model_path("m")
    for version in (2, 10):
        write(f"app/azureml-models/m/{version}/model.pkl")
    assert Model.get_model_path("m") == str(tmp_path / "app/azureml-models/m/10/model.pkl")
    assert Model.get_model_path("m", 2) == str(tmp_path / "app/azureml-models/m/2/model.pkl")
    write("app/azureml-models/m/10/other")
    with pytest.raises(WebserviceException, match="exactly one file or folder"):
        Model.get_model_path("m")
    assert Model.get_model_path(write("outputs/m.pkl")) == "outputs/m.pkl"
    for version in ("1", 1.0, True):
        with pytest.raises(WebserviceException, match="version should be an int"):
            Model.get_model_path("m", version=version)  # type: ignore[arg-type]
    with pytest.raises(WebserviceException, match="model_name=None is not a text"):
        Model.get_model_path(None)  # type: ignore[arg-type]


def test_a_download_that_breaks_off(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    write("net/a")
    write("net/b")
    model = Model.register(workspace, "net", "my-model")
    tracker = type(plugins.open_tracker(URI))
    real = tracker.get_file, tracker.get_model_files

    def cut_off(self: Any, *arguments: Any) -> None:
        # Part of the files has come.
        files = arguments[-1]
        if isinstance(files, dict):
            next(iter(files.values())).write_text("half")
        raise Unavailable("cut off")

    name = "get_file" if tracker is BareTracker else "get_model_files"
    monkeypatch.setattr(tracker, name, cut_off)
    for call in (
        lambda: Model.get_model_path("my-model", _workspace=workspace),
        lambda: model.download("here"),
    ):
        with pytest.raises(Unavailable):
            call()
    assert os.listdir("azureml-models/my-model") == os.listdir("here") == []
    monkeypatch.setattr(tracker, name, real[name == "get_model_files"])
    assert len(os.listdir(Model.get_model_path("my-model", 1, workspace))) == 2
