"""The files of a run in a folder of this machine in which somebody has made links."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from amlflow import linked_folders
from amlflow.core.experiment import Experiment
from amlflow.core.workspace import Workspace
from amlflow_mlflow.entities import FileEntry
from amlflow_mlflow.local_artifacts import LocalArtifacts


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root, outside = tmp_path / "artifacts", tmp_path / "outside"
    damage(root, outside)
    return root


def damage(root: Path, outside: Path) -> None:
    """Put two files, a folder and a link among them into logs/, and what is left out."""
    (root / "logs" / "folder").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret").write_text("secret")
    logs = root / "logs"
    (logs / "a.txt").write_text("a line")
    (logs / "z.txt").write_text("a line")
    (logs / "inside").symlink_to("a.txt")
    (logs / "file").symlink_to(outside / "secret")
    (logs / "other").symlink_to(outside)
    (logs / "nothing").symlink_to(outside / "nothing")
    (logs / "circle").symlink_to("circle")
    (logs / "itself").symlink_to(".")
    (logs / "again").symlink_to("../logs")
    os.mkfifo(logs / "pipe")
    (logs / os.fsdecode(b"\xff.txt")).write_text("not UTF-8")


def test_what_is_no_file_of_the_run_is_left_out_and_named(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert LocalArtifacts(root).list("logs") == [
        FileEntry("logs/a.txt", False), FileEntry("logs/folder", True),
        FileEntry("logs/inside", False), FileEntry("logs/z.txt", False),
    ]  # fmt: skip
    for name in ("file", "other", "nothing", "circle", "itself", "again", "pipe", "ff.txt"):
        assert any(f"{name}'" in record.getMessage() for record in caplog.records), name


def test_a_link_that_is_made_after_the_check_of_a_path_is_not_followed(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checking = linked_folders.resolve_links

    def check_and_link(path: Path) -> Path:
        real_path = checking(path)
        if path.name == "z.txt":
            path.unlink()
            path.symlink_to(tmp_path / "outside" / "secret")
        return real_path

    monkeypatch.setattr(linked_folders, "resolve_links", check_and_link)
    artifacts = LocalArtifacts(root)
    assert not artifacts.get("logs/z.txt", tmp_path / "got")
    (root / "logs" / "z.txt").unlink()
    (root / "logs" / "z.txt").write_text("a line")
    assert artifacts.read_beginning("logs/z.txt", 10) is None
    assert not (tmp_path / "got").exists()
    assert artifacts.get("logs/a.txt", tmp_path / "got")
    assert (tmp_path / "got").read_text() == "a line"


@pytest.mark.parametrize("is_windows", [False, True])
def test_a_folder_or_nothing_is_not_read_as_a_file(
    root: Path, is_windows: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linked_folders, "IS_WINDOWS", is_windows)
    artifacts = LocalArtifacts(root)
    for name in ("logs", "logs/folder", "logs/again", "logs/missing", "logs/a.txt/b"):
        assert artifacts.read_beginning(name, 10) is None, name
        assert not artifacts.get(name, tmp_path / "got"), name
    assert artifacts.read_beginning("logs/inside", 10) == b"a line"


def test_the_others_are_read(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Experiment(Workspace.from_config(), "links").start_logging(
        snapshot_directory=None, outputs=False
    )
    (tmp_path / "log.txt").write_text("a line")
    run.upload_file("log.txt", str(tmp_path / "log.txt"))
    [stored] = tmp_path.rglob(f"{run.id}/artifacts")
    damage(stored, tmp_path / "outside")
    read = {"logs/a.txt", "logs/inside", "logs/z.txt"}
    assert set(run.get_file_names()) == {"log.txt", *read}
    assert len(run.get_all_logs(str(tmp_path / "got"))) == len(read)
    run.download_files(output_directory=str(tmp_path / "all"))
    got = {
        path.relative_to(tmp_path / "all").as_posix() for path in (tmp_path / "all").rglob("*.*")
    }
    assert got == {"log.txt", "logs/a.txt", "logs/z.txt"}
