"""Names of files that lead out of the folder, in a run's artifact folder of MLflow."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.workspace import Workspace
from amlflow.exceptions import AzureMLException
from mlflow.tracking import MlflowClient


def test_names_in_an_artifact_folder_of_mlflow(
    store: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody wrote them there by other means; spelled ones count as they are read."""
    run = Experiment(Workspace.from_config(), "hostile").start_logging(snapshot_directory=None)
    root = Path(MlflowClient(store).get_run(run.id).info.artifact_uri)
    (root / "logs").mkdir(parents=True)
    (root / "logs" / "good").write_text("content")
    hostile = ["..\\..\\escaped", "..~u5c~..~u5c~escaped", "~u0~escaped", "C:\\escaped",
               "line\nescaped", "~ua~escaped", "link"]  # fmt: skip
    for name in hostile:
        (root / "logs" / name).write_text("escaped")
    (folder / "logs").mkdir()
    (folder / "logs" / "link").symlink_to(folder.parent / "escaped")
    around = sorted(os.listdir(folder.parent))
    paths = run.get_all_logs()
    run.download_files()
    assert paths == ["logs/good"]
    assert sorted(os.listdir(folder / "logs")) == ["good", "link"]
    assert sorted(os.listdir(folder.parent)) == around
    assert len([each for each in caplog.messages if "left out" in each]) == 2 * len(hostile)


def test_mlflow_takes_no_such_name(store: str, folder: Path) -> None:
    """A writer's notes are a run's data, too, and say which of its files are read."""
    run = Experiment(Workspace.from_config(), "hostile").start_logging(snapshot_directory=None)
    (folder / "file").write_text("x")
    around = sorted(os.listdir(folder.parent))
    for name in ("../../escaped", "/tmp/escaped", "a//b", "."):
        with pytest.raises(AzureMLException):
            run._tracker.inner.put_files(run.id, {name: folder / "file"})
        with pytest.raises(AzureMLException):
            run._tracker.inner.get_file(run.id, name, folder / "back")
    assert not (folder / "back").exists()
    assert sorted(os.listdir(folder.parent)) == around
    with pytest.raises(AzureMLException, match=r"'\.\./\.\./escaped'"):
        run._tracker.get_snapshot("../../escaped", folder / "back")
