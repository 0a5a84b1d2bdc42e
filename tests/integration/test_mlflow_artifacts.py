"""Files in stores for which MLflow has a client."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from amlflow_mlflow.mlflow_artifacts import MlflowArtifacts


class Repository:
    """A store with the folder ``outputs``, in which there is a file."""

    def __init__(self) -> None:
        self.downloaded: list[str] = []

    def list_artifacts(self, path: str | None) -> list[Any]:
        names = {None: ["outputs"], "outputs": ["outputs/a"], "outputs/a": ["outputs/a"]}
        return [SimpleNamespace(path=name, is_dir=name == "outputs") for name in names[path]]

    def download_artifacts(self, path: str, dst_path: str) -> str:
        self.downloaded.append(path)
        copy = Path(dst_path) / "copy"
        copy.write_text("content")
        return str(copy)


def test_a_folder_that_is_asked_for_as_a_file_is_not_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's client would download all files of the folder."""
    repository = Repository()
    files = object.__new__(MlflowArtifacts)
    monkeypatch.setattr(files, "_repository", repository, raising=False)
    assert not files.get("outputs", tmp_path / "copy")
    assert repository.downloaded == []
    assert files.get("outputs/a", tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "content"
