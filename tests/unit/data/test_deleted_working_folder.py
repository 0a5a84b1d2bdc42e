"""Relative paths of data and models in a working folder that was deleted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.workspace import Workspace
from amlflow.exceptions import UserErrorException
from azureml.core import Dataset, Model
from helpers.removal import enter_deleted_folder

CALLS: dict[str, Callable[[Workspace, Any], Any]] = {
    "table": lambda workspace, files: Dataset.Tabular.from_delimited_files("a.csv"),
    "files": lambda workspace, files: Dataset.File.from_files("a.csv", validate=False),
    "register a model": lambda workspace, files: Model.register(workspace, "a.csv", "another"),
    "upload files": lambda workspace, files: workspace.get_default_datastore().upload_files(["a"]),
    "relative root": lambda workspace, files: workspace.get_default_datastore().upload_files(
        [__file__], relative_root=".."
    ),
    "download": lambda workspace, files: files.download("here"),
    "mount": lambda workspace, files: files.mount("here").start(),
    "download a model": lambda workspace, files: Model(workspace, "model").download("here"),
    "path of a model": lambda workspace, files: Model.get_model_path("model", None, workspace),
    "path of no model": lambda workspace, files: Model.get_model_path("nothing"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_relative_path_names_the_working_folder(
    workspace: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[[Workspace, Any], Any],
) -> None:
    file = tmp_path / "file.csv"
    file.write_text("a\n1\n")
    Model.register(workspace, str(file), "model")
    files = Dataset.File.from_files(file)
    enter_deleted_folder(tmp_path, monkeypatch)
    with pytest.raises(UserErrorException, match="The working folder was deleted"):
        call(workspace, files)
