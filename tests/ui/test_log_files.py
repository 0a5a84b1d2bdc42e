"""The studio's list of a run's logs, from what an artifact store answers."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from amlflow.spec import FileNotInRun
from amlflow_page import log_archive, logs
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository


class Cloud:
    """An artifact store in which somebody has chosen the names."""

    def list_artifacts(self, path: str) -> list[Any]:
        names = ("std_log.txt", "../outside.txt", "..", "a/../../../outside.txt")
        found = [SimpleNamespace(path="/etc/outside.txt", is_dir=False, file_size=1)]
        for name in names:
            is_dir = name.endswith("..")
            found.append(SimpleNamespace(path=f"{path}/{name}", is_dir=is_dir, file_size=1))
        return found if path.endswith("user_logs") else []


@pytest.mark.parametrize("base", ["", "1/a/artifacts"])
def test_names_that_lead_out_of_a_runs_files_are_not_listed(
    base: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(logs, "artifacts_of", lambda run_id: (Cloud(), base))
    listed = [file["name"] for file in logs.log_files("a")]
    assert "user_logs/std_log.txt" in listed
    assert not any(".." in name or name.startswith("/") for name in listed)


def test_names_that_another_system_takes_for_another_path_are_not_listed(
    monkeypatch: pytest.MonkeyPatch,
):
    names = ["..\\..\\evil.bat", "C:evil.bat", "a\x1b[2J", "a\nb", "x" * 300, "ok.txt"]

    class Chosen:
        def list_artifacts(self, path: str) -> list[Any]:
            found = [SimpleNamespace(path=f"{path}/{n}", is_dir=False, file_size=1) for n in names]
            return found if path == "logs" else []

    monkeypatch.setattr(logs, "artifacts_of", lambda run_id: (Chosen(), ""))
    assert [file["name"] for file in logs.log_files("a")] == ["logs/C:evil.bat", "logs/ok.txt"]


def test_folders_without_an_end_are_listed_to_a_limit(monkeypatch: pytest.MonkeyPatch):
    class Endless:
        def list_artifacts(self, path: str) -> list[Any]:
            return [SimpleNamespace(path=f"{path}/a", is_dir=True, file_size=None)]

    monkeypatch.setattr(logs, "artifacts_of", lambda run_id: (Endless(), ""))
    assert logs.log_files("a") == []


@pytest.fixture
def linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run's files on this machine, where somebody has made links and a pipe."""
    root, outside = tmp_path / "artifacts", tmp_path / "outside"
    (root / "logs").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (root / "logs" / "log.txt").write_text("a line")
    (root / "logs" / "same.txt").symlink_to("log.txt")
    (root / "logs" / "file.txt").symlink_to(outside / "secret")
    (root / "logs" / "folder").symlink_to(outside)
    (root / "logs" / "round").symlink_to("round")
    (root / "amlflow").mkdir()
    (root / "amlflow" / "own.txt").write_text("amlflow's own")
    (root / "logs" / "inside").symlink_to(root / "amlflow")
    os.mkfifo(root / "logs" / "pipe")
    Path(os.fsdecode(os.fsencode(root / "logs") + b"/\xff.txt")).write_text("not UTF-8")
    repository = LocalArtifactRepository(str(root))
    for module in (logs, log_archive):
        monkeypatch.setattr(module, "artifacts_of", lambda run_id: (repository, ""))
    return root


def test_no_link_out_of_a_runs_files_is_followed(linked: Path):
    assert {file["name"] for file in logs.log_files("a")} == {"logs/log.txt", "logs/same.txt"}
    assert [file["name"] for file in logs.folder_files("a", "logs")["files"]] == [
        "logs/log.txt", "logs/same.txt",
    ]  # fmt: skip
    assert logs.folder_files("a", "logs/inside")["files"] == []
    for name in (
        "logs/file.txt", "logs/folder/secret", "logs/inside/own.txt", "logs/pipe", "logs/round",
    ):  # fmt: skip
        with pytest.raises(FileNotInRun):
            logs.piece("a", name, 0)
    with zipfile.ZipFile(io.BytesIO(b"".join(log_archive.archive("a")))) as archive:
        assert sorted(archive.namelist()) == ["logs/log.txt", "logs/same.txt"]


@pytest.mark.parametrize("folder", ["logs/", "logs/.", "logs//", "x" * 300, "logs/\0"])
def test_what_cannot_be_a_folder_has_no_files_and_no_warnings(
    linked: Path, folder: str, caplog: pytest.LogCaptureFixture
):
    assert logs.folder_files("a", folder) == {"files": [], "more": False}
    assert not caplog.records
