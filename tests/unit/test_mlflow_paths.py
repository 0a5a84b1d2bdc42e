"""The answers of a tracking server about a run never lead to a path of this machine."""

from __future__ import annotations

import errno
import nturl2path
import os
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace

import pytest
from amlflow.core.project.tracking_uri import local_folders
from amlflow.spec import Refused
from amlflow_mlflow import local_artifacts
from amlflow_mlflow.entities import FileEntry
from amlflow_mlflow.files import Files
from amlflow_mlflow.model_location import ModelLocation
from amlflow_mlflow.own_paths import (
    check_experiment_folder,
    check_run_folder,
    own_paths,
    path_below,
    server_paths,
)
from amlflow_mlflow.schemes import sqlite_path
from amlflow_mlflow.snapshots import ARCHIVE, Snapshots
from amlflow_mlflow.sqlite.database import Database
from amlflow_mlflow.sqlite.revisions import SCHEMA
from amlflow_mlflow.sqlite.store import SqliteStore
from amlflow_mlflow.store import MAX_FOLDERS

RUN = "0" * 32


@pytest.mark.parametrize(
    "root",
    [
        f"/mnt/mlflow/0/{RUN}/artifacts",
        f"/mnt/mlflow/0/{RUN}/artifacts/",
        f"file:///mnt/mlflow/0/{RUN}/artifacts",
        "mlflow-artifacts:/0/x/artifacts",
        "s3://bucket/0/x/artifacts",
    ],
)
def test_mlflows_own_folders_are_used(root: str) -> None:
    check_run_folder(root, RUN)


@pytest.mark.parametrize(
    "root",
    [
        "/home/me/.ssh",
        "file:///home/me/.ssh",
        "relative/folder",
        f"./mlruns/0/{RUN}/artifacts",
        f"/mnt/{'1' * 32}/artifacts",
        f"/mnt/{RUN}/artifacts/..",
        f"/mnt/../home/me/{RUN}/artifacts",
        f"/mnt/{RUN}/artifacts/../../.ssh",
        f"file:///mnt/%2e%2e/{RUN}/artifacts",
    ],
)
def test_another_local_folder_is_refused(root: str) -> None:
    with pytest.raises(Refused, match="artifacts"):
        check_run_folder(root, RUN)


@pytest.mark.parametrize(
    "location", ["/mnt/store/7", "file:///mnt/store/7/", "mlflow-artifacts:/7", "s3://bucket/any"]
)
def test_mlflows_own_folders_of_experiments_are_used(location: str) -> None:
    check_experiment_folder(location, "7")


@pytest.mark.parametrize(
    "location",
    ["/home/me/.ssh", "file:///home/me/.ssh", "mlruns/7", "./7", "/mnt/../7", "/mnt/77", "file:."],
)
def test_another_local_folder_of_an_experiment_is_refused(location: str) -> None:
    with pytest.raises(Refused, match="experiment 7"):
        check_experiment_folder(location, "7")


@pytest.mark.parametrize("location", ["", "file:", "file://", "file:?x", "file:#x"])
def test_a_location_without_a_path_is_not_the_working_folder(
    location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_text("mine")
    files = local_artifacts.open_folder(location)
    assert isinstance(files, local_artifacts.NoArtifacts)
    assert (files.list(""), files.get("secret", tmp_path / "copy")) == ([], False)
    assert own_paths(None, [location]) == []
    store = SqliteStore(Database(f"sqlite:///{tmp_path}/mlflow.db"), SCHEMA)
    with pytest.raises(Refused, match="does not say where"):
        ModelLocation(store, location, "m")
    experiment = SimpleNamespace(artifact_location=location, experiment_id="7")
    monkeypatch.setattr(store, "get_experiment_by_name", lambda name: experiment)
    assert not Snapshots(store, lambda name: pytest.fail(name)).has("0")


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder, outside = tmp_path / "run", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "logs").symlink_to(outside)
    (folder / "inside").symlink_to(folder)
    with pytest.raises(Refused, match="symbolic link"):
        path_below(folder, "logs/user.txt")
    assert path_below(folder, "inside/a.txt") == folder / "inside" / "a.txt"
    assert path_below(folder, "new/a.txt") == folder / "new" / "a.txt"


def test_of_a_servers_folders_only_those_with_files_of_runs_are_its_own(tmp_path: Path) -> None:
    """Whoever makes an experiment on a server names its location."""
    mine, artifacts = tmp_path / "src", tmp_path / "store" / "0"
    mine.mkdir()
    (mine / "train.py").write_text("print(1)")
    (artifacts / RUN / "artifacts").mkdir(parents=True)
    locations = [
        str(mine), f"file://{mine}", str(tmp_path), "/", str(tmp_path / "missing"), "",
        "s3://bucket/0", "mlflow-artifacts:/0", str(artifacts), f"file://{artifacts}",
    ]  # fmt: skip
    assert server_paths(locations) == [artifacts]


def test_what_has_no_location_has_not_the_files_of_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("secret.txt").write_text("a")
    store = SqliteStore(Database(f"sqlite:///{tmp_path}/mlflow.db"), SCHEMA)
    artifacts = store.open_artifacts("")
    assert artifacts.list("") == []
    assert not artifacts.get("secret.txt", tmp_path / "copy")
    with pytest.raises(Refused, match="does not say where"):
        artifacts.put({"a.txt": Path("secret.txt")})
    for uri in ("", "/"):
        with pytest.raises(Refused, match="does not say where"):
            ModelLocation(store, uri, "model")


def test_a_model_in_the_root_folder_is_not_looked_for_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "model-that-the-root-folder-lacks"
    Path(name).write_text("a")
    store = SqliteStore(Database(f"sqlite:///{tmp_path}/mlflow.db"), SCHEMA)
    assert ModelLocation(store, f"/{name}", "model").names() == []
    assert ModelLocation(store, name, "model").names() == [name]


def test_addresses_of_folders_are_read_as_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib.request.url2pathname", nturl2path.url2pathname)
    assert local_folders("file:///C:/my%20runs") == ["C:\\my runs"]
    monkeypatch.setattr(local_artifacts, "IS_WINDOWS", True)
    monkeypatch.setattr(local_artifacts, "Path", PureWindowsPath)
    folder = local_artifacts.folder_of("file:///C:/my%20runs/1/artifacts")
    assert folder == PureWindowsPath("C:/my runs/1/artifacts")


@pytest.mark.parametrize("root", ["file:///C:/runs/1", "file:C:/runs", "C:\\runs\\1", "d:/runs"])
def test_a_folder_of_windows_is_not_looked_for_elsewhere(root: str) -> None:
    with pytest.raises(Refused, match="folder of a machine with Windows"):
        local_artifacts.folder_of(root)


@pytest.mark.parametrize("name", ["x" * 5000, "é" * 200, "a/" * 3000])
def test_a_location_that_is_too_long_for_the_file_system_has_no_files(
    tmp_path: Path, name: str
) -> None:
    artifacts = local_artifacts.open_folder(f"{tmp_path}/{name}")
    assert isinstance(artifacts, local_artifacts.LocalArtifacts)
    assert artifacts.list("") == artifacts.list("logs") == []
    assert artifacts.get("file", tmp_path / "file") is False


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("sqlite:////tmp/a b.db", "/tmp/a b.db"),
        ("sqlite:////tmp/a%20b.db", "/tmp/a b.db"),
        ("sqlite://///tmp/a.db", "/tmp/a.db"),
        ("sqlite:///a.db", "a.db"),
    ],
)
def test_the_path_of_a_database(uri: str, path: str) -> None:
    """Two slashes in front, as a shell's $PWD/ with another slash makes them, are one."""
    assert str(sqlite_path(uri)) == path


def test_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "no links")

    def look_and_replace(source: Path, target: Path) -> None:
        seen.append(target.read_bytes())
        replace(source, target)

    seen: list[bytes] = []
    replace = os.replace
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "replace", look_and_replace)
    (tmp_path / "local").write_bytes(b"whole")
    folder = tmp_path / "artifacts"
    files = {"a/b.txt": tmp_path / "local"}
    assert local_artifacts.store_files(folder, files, replace=False) is None
    assert seen == [b""], "the name is taken, and nothing of the content is seen"
    assert (folder / "a" / "b.txt").read_bytes() == b"whole"
    assert local_artifacts.store_files(folder, files, replace=False) == "a/b.txt"

    def fail(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="full"):
        local_artifacts.store_files(folder, {"c.txt": tmp_path / "local"}, replace=False)
    assert not (folder / "c.txt").exists()


def test_a_snapshot_is_marked_as_stored_only_after_its_archive_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "local"
    archive.write_text("content")
    folder = tmp_path / "snapshots" / "0"
    named: list[str] = []

    def name_it(copy: str, target: Path) -> None:
        named.append(target.name)
        raise OSError(errno.ENOSPC, "No space left on device")

    store = SqliteStore(Database(f"sqlite:///{tmp_path}/mlflow.db"), SCHEMA)
    snapshots = Snapshots(store, lambda name: pytest.fail(name))
    monkeypatch.setattr(snapshots, "_location", str(folder.parent))
    monkeypatch.setattr(snapshots, "_ensure", lambda name: None)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", name_it)
        with pytest.raises(Refused):
            snapshots.put("0", archive)
    assert named == [ARCHIVE]
    assert not snapshots.has("0")
    snapshots.put("0", archive)
    assert snapshots.has("0")


def test_folders_without_an_end_are_listed_up_to_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that says of each folder that it has one more would raise a RecursionError."""

    class Endless(local_artifacts.NoArtifacts):
        def list(self, folder: str) -> list[FileEntry]:
            return [FileEntry(f"{folder}/a".lstrip("/"), True), FileEntry(f"{folder}/b", False)]

    store = SqliteStore(Database(f"sqlite:///{tmp_path}/mlflow.db"), SCHEMA)
    monkeypatch.setattr(store, "open_artifacts", lambda root: Endless())
    files = Files(store)
    files.remember(SimpleNamespace(info=SimpleNamespace(run_id=RUN, artifact_uri="/any")))
    assert len(files.names(RUN)) == MAX_FOLDERS + 1
    assert len(ModelLocation(store, "/any/model", "m").names()) == MAX_FOLDERS
    assert caplog.text.count("folders deep") == 2
