"""The studio's list of a run's logs, from what an artifact store answers."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from amlflow import linked_folders
from amlflow.spec import FileNotInRun, Refused
from amlflow_page import files_of_run, log_archive, logs
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


@pytest.mark.parametrize("moment", ["listed", "found"])
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_link_that_is_made_while_a_runs_files_are_read_is_not_followed(
    linked: Path, what: str, moment: str, monkeypatch: pytest.MonkeyPatch
):
    outside = linked.parent / "outside"
    (outside / "log.txt").write_text("secret")
    files = logs.log_files("a")

    def link() -> None:
        """Put a link in the place of the log, or of its folder."""
        if what == "file":
            (linked / "logs" / "log.txt").unlink()
            (linked / "logs" / "log.txt").symlink_to(outside / "log.txt")
        else:
            (linked / "logs").rename(linked / "old")
            (linked / "logs").symlink_to(outside)

    opening = linked_folders.open_inside
    resolving = linked_folders.resolve_links

    def open_later(top: Path, name: str) -> Any:
        if moment == "listed":
            link()
        else:
            monkeypatch.setattr(linked_folders, "resolve_links", resolve_and_link)
        return opening(top, name)

    def resolve_and_link(path: Path) -> Path:
        real_path = resolving(path)
        if path.name == "log.txt":
            link()
        return real_path

    for module in (logs, log_archive):
        monkeypatch.setattr(module, "open_inside", open_later)
        monkeypatch.setattr(linked_folders, "resolve_links", resolving)
        if module is logs:
            with pytest.raises(FileNotInRun):
                logs.piece("a", "logs/log.txt", 0)
        else:
            monkeypatch.setattr(module, "log_files", lambda run_id: files)
            with pytest.raises(Refused, match=r"the file 'logs/log\.txt' of run a"):
                b"".join(log_archive.archive("a"))
        if what == "file":
            (linked / "logs" / "log.txt").unlink()
            (linked / "logs" / "log.txt").write_text("a line")
        else:
            (linked / "logs").unlink()
            (linked / "old").rename(linked / "logs")


def test_a_link_in_the_place_of_a_folder_that_is_being_listed_is_not_followed(
    linked: Path, monkeypatch: pytest.MonkeyPatch
):
    listing = linked_folders.list_inside

    def link_and_list(top: Path, folder: str, owner: str) -> Any:
        (linked / "logs").rename(linked / "old")
        (linked / "logs").symlink_to(linked.parent / "outside")
        return listing(top, folder, owner)

    monkeypatch.setattr(files_of_run, "list_inside", link_and_list)
    with pytest.raises(Refused, match="the folder 'logs' of run a"):
        logs.folder_files("a", "logs")


@pytest.mark.parametrize("folder", ["logs/", "logs/.", "logs//", "x" * 300, "logs/\0"])
def test_what_cannot_be_a_folder_has_no_files_and_no_warnings(
    linked: Path, folder: str, caplog: pytest.LogCaptureFixture
):
    assert logs.folder_files("a", folder) == {"files": [], "more": False}
    assert not caplog.records
