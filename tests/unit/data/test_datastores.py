"""Datastores: listing them, storing files in them, and what is refused."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.data import declared
from amlflow.core.workspace import Workspace
from amlflow.data.definition import FILE, Definition, Source
from amlflow.data.errors import DatasetValidationError
from amlflow.data.storage import PARTIAL, Datastores, Folder
from amlflow.data.tracker_filesystem import TrackerFileSystem
from amlflow.data.transfer import put_files
from amlflow.data.validation import check_readable
from amlflow.exceptions import UserErrorException
from amlflow.testing.memory import MemoryTracker
from azureml.core import Dataset, Datastore
from azureml.data.data_reference import DataReference
from azureml.data.datapath import DataPath

Write = Callable[..., Path]


def stored(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


@pytest.fixture
def place(folder: Path) -> Path:
    """The folder of the default datastore."""
    return folder / "amlflow-datastores" / "workspaceblobstore"


def test_every_workspace_has_two(workspace: Workspace) -> None:
    assert list(workspace.datastores) == ["workspaceblobstore", "workspacefilestore"]
    assert workspace.get_default_datastore().name == "workspaceblobstore"
    assert Datastore(workspace) == Datastore.get_default(workspace)
    assert (
        Datastore.get(workspace, "workspacefilestore") == workspace.datastores["workspacefilestore"]
    )
    assert workspace.datastores.get("nope") is None
    with pytest.raises(KeyError):
        workspace.datastores["nope"]
    with pytest.raises(UserErrorException, match=r"'nope'.*workspaceblobstore.*datastores\.yaml"):
        Datastore.get(workspace, "nope")


def test_declared_beside_the_config_that_names_the_workspace(
    folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = '{"subscription_id": "s", "resource_group": "g", "workspace_name": "w"}'
    config = write("project/config.json", names).absolute()
    write("project/.azureml/datastores.yaml", "both: far\nscratch: here\ndefault: scratch")
    write("other/.azureml/datastores.yaml", "both: near\n")
    monkeypatch.chdir("other")
    workspace = Workspace.from_config(config)
    assert workspace.get_default_datastore().name == "scratch"
    addresses = declared.read_all(workspace)
    assert addresses["scratch"] == (folder / "project" / "here").as_uri()
    assert addresses["both"] == (folder / "other" / "near").as_uri()
    with pytest.raises(UserErrorException, match="names 'scratch' as the default"):
        workspace.set_default_datastore("both")


def test_upload_of_a_folder(datastore: Any, place: Path, write: Write) -> None:
    write("src/a.csv", "1")
    write("src/sub/b.csv", "2")
    reference = datastore.upload("src", "to", show_progress=False)
    assert stored(place) == ["to/a.csv", "to/sub/b.csv"]
    assert reference.path_on_datastore == "to"
    write("src/a.csv", "new")
    datastore.upload("src", "to", show_progress=False)
    assert (place / "to/a.csv").read_text() == "1"
    datastore.upload("src", "to", overwrite=True, show_progress=False)
    assert (place / "to/a.csv").read_text() == "new"


def test_upload_of_files(datastore: Any, place: Path, write: Write) -> None:
    files = [write("x/a.csv", "1"), str(write("x/y/b.csv", "2"))]
    datastore.upload_files(files, target_path="/to/", show_progress=False)
    assert stored(place) == ["to/a.csv", "to/y/b.csv"]
    datastore.upload_files([files[1]], show_progress=False)
    datastore.upload_files([files[1]], relative_root=".", show_progress=False)
    assert stored(place) == ["b.csv", "to/a.csv", "to/y/b.csv", "x/y/b.csv"]


def test_upload_shows_its_progress(
    datastore: Any, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write("a.csv", "1")
    datastore.upload_files([path])
    assert "1/1" in capsys.readouterr().out
    datastore.upload_files([path])
    assert "Skipping upload for" in capsys.readouterr().out


def test_upload_of_what_is_not_there(datastore: Any, place: Path, write: Write) -> None:
    good = write("a.csv", "1")
    with pytest.raises(
        UserErrorException, match=r"none\.csv' does not exist. Nothing was uploaded"
    ):
        datastore.upload_files([good, "none.csv"])
    with pytest.raises(UserErrorException, match="is a folder"):
        datastore.upload_files([good.parent])
    with pytest.raises(UserErrorException, match=r"'nowhere', does not exist or is a file"):
        datastore.upload("nowhere")
    with pytest.raises(UserErrorException, match="a list"):
        datastore.upload_files("a.csv")
    with pytest.raises(UserErrorException, match="leads out"):
        datastore.upload_files([good], target_path="../..", show_progress=False)
    assert not place.exists()


def test_an_upload_that_is_interrupted(
    datastore: Any, place: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [write(f"{index}.csv", "1") for index in range(3)]
    replace = os.replace

    def interrupt(source: Any, target: Any) -> None:
        if str(target).endswith("1.csv"):
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        datastore.upload_files(files, show_progress=False)
    monkeypatch.undo()
    assert stored(place) == ["0.csv"], "no file is there in part"


def test_what_a_killed_upload_leaves_is_not_a_file_of_the_datastore(
    datastore: Any, place: Path, write: Write
) -> None:
    datastore.upload_files([write("a.csv", "x\n1\n")], target_path="to", show_progress=False)
    (place / f"to/.b.csv.0123{PARTIAL}").write_text("x\n")
    files = Dataset.File.from_files((datastore, "to"))
    assert files.to_path() == ["/a.csv"]
    assert Dataset.File.from_files((datastore, "to/**")).to_path() == ["/a.csv"]
    assert datastore.download("all", show_progress=False) == 1
    (place / "to/a.csv").unlink()
    with pytest.raises(DatasetValidationError, match="has no file"):
        Dataset.File.from_files((datastore, "to"))


def test_a_large_file_takes_little_memory(datastore: Any, folder: Path) -> None:
    size = 24 << 20
    with open("large.bin", "wb") as file:
        file.truncate(size)
    datastore.upload_files([], show_progress=False)  # imports what is imported at the first use
    tracemalloc.start()
    datastore.upload_files(["large.bin"], target_path="to", show_progress=False)
    files = Dataset.File.from_files((datastore, "to"))
    [copy] = files.download("down")
    with files.mount() as mounted:
        assert os.path.getsize(f"{mounted.mount_point}/large.bin") == size
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert os.path.getsize(copy) == size
    assert peak < 8 << 20


def test_a_path_that_was_written_on_windows(datastore: Any, place: Path, write: Write) -> None:
    datastore.upload_files([write("a.csv", "1")], target_path="my data\\sub", show_progress=False)
    assert stored(place) == ["my data/sub/a.csv"]
    files = Dataset.File.from_files((datastore, "my data\\sub\\*.csv"))
    assert files.to_path() == ["/a.csv"]
    with pytest.raises(UserErrorException, match="leads out"):
        datastore.upload_files([write("b.csv", "1")], target_path="..\\..", show_progress=False)


def test_download(datastore: Any, folder: Path, write: Write) -> None:
    write("src/a.csv", "1")
    write("src/sub/b.csv", "2")
    datastore.upload("src", "to", show_progress=False)
    assert datastore.download("all", show_progress=False) == 2
    assert datastore.download("one", prefix="to/su", show_progress=False) == 1
    assert stored(folder / "one") == ["to/sub/b.csv"]
    (folder / "one/to/sub/b.csv").write_text("mine")
    assert datastore.download("one", prefix="to/su", show_progress=False) == 0
    assert datastore.download("one", prefix="to/su", overwrite=True, show_progress=False) == 1
    for prefix in ("nowhere/x", "to/a.csv/x", "to/a.csv/x/y"):
        assert datastore.download("none", prefix=prefix, show_progress=False) == 0
    with pytest.raises(UserErrorException, match="has no file: it does not exist"):
        Dataset.File.from_files((datastore, "to/a.csv/x"))
    write("file", "1")
    for below in ("file", "file/below"):
        with pytest.raises(UserErrorException, match=r"'.*file.*' to download to cannot be made"):
            datastore.download(below, show_progress=False)


def test_paths(datastore: Any) -> None:
    reference = datastore.path("a/b")
    assert (reference.datastore, reference.path_on_datastore) == (datastore, "a/b")
    assert str(reference) == "$AZUREML_DATAREFERENCE_a_b"
    assert reference.path("c").path_on_datastore == "a/b/c"
    assert reference.as_download("/data").path_on_compute == "/data"
    assert DataPath.create_from_data_reference(reference).datastore_name == "workspaceblobstore"
    assert DataPath(datastore, "x").create_data_reference("n").data_reference_name == "n"
    with pytest.raises(UserErrorException, match="'teleport'"):
        DataReference(datastore, mode="teleport")


# declaring


def declare(text: str) -> None:
    Path(".azureml").mkdir(exist_ok=True)
    Path(".azureml/datastores.yaml").write_text(text)


def test_declared_ones(workspace: Workspace, folder: Path, write: Write) -> None:
    declare("scratch: elsewhere\ndefault: scratch\n")
    write("elsewhere/a.csv", "v\n7\n")
    datastore = workspace.get_default_datastore()
    assert datastore.name == "scratch"
    (path,) = Dataset.File.from_files((datastore, "a.csv")).download(str(folder / "back"))
    assert Path(path).read_text() == "v\n7\n"
    with pytest.raises(UserErrorException, match="names 'scratch' as the default"):
        workspace.set_default_datastore("workspaceblobstore")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "is a list. It must map names"),
        ("a: [\n", "not YAML"),
        ("a b: s3://x\n", "not a valid name for a datastore"),
        ("a: 5\n", "The address 5 of the datastore 'a' is not valid"),
        ("a: https://user:hunter2@host/x\n", "contains a credential"),
        ("a: abfs://c@acc.dfs.core.windows.net/?sig=hunter2\n", "contains a credential"),
    ],
)
def test_wrong_declarations(workspace: Workspace, text: str, message: str) -> None:
    declare(text)
    with pytest.raises(UserErrorException, match=message) as caught:
        workspace.get_default_datastore()
    assert "hunter2" not in str(caught.value)


def test_registered_ones(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    datastore = Datastore.register_azure_blob_container(
        workspace, "mine", "container", "account", account_key="hunter2"
    )
    assert "does not store the key" in capsys.readouterr().err
    assert (datastore.name, datastore.container_name, datastore.account_name) == (
        "mine",
        "container",
        "account",
    )
    assert "hunter2" not in "".join(
        path.read_text() for path in Path(os.environ["XDG_CONFIG_HOME"]).rglob("*.json")
    )
    Datastore.register_azure_blob_container(workspace, "mine", "container", "account")
    with pytest.raises(UserErrorException, match="overwrite=True"):
        Datastore.register_azure_blob_container(workspace, "mine", "other", "account")
    datastore.set_as_default()
    assert workspace.get_default_datastore().name == "mine"
    workspace.set_default_datastore("workspaceblobstore")
    datastore.unregister()
    assert "mine" not in workspace.datastores
    with pytest.raises(UserErrorException, match="file shares"):
        Datastore.register_azure_file_share(workspace, "share", "s", "account")
    with pytest.raises(UserErrorException, match=r"read_sql"):
        Datastore.register_azure_sql_database(workspace, "sql", "server", "db")


def test_an_address_that_nothing_opens_is_not_attached(workspace: Workspace) -> None:
    with pytest.raises(UserErrorException, match=r"begin with klingon: cannot be opened"):
        declared.attach(workspace, "mine", "klingon://bucket/folder")
    assert "mine" not in workspace.datastores


# what the tracker keeps


@pytest.fixture
def kept(tracker: MemoryTracker) -> Folder:
    return Folder(TrackerFileSystem(tracker, "store"), "", "tracker:store")


def test_files_that_the_tracker_keeps(kept: Folder, write: Write) -> None:
    files = {"a/x.csv": write("x.csv", "1"), "a/b/y.csv": write("y.csv", "22")}
    assert put_files(files, kept, overwrite=False, show_progress=False) == 2
    assert put_files(files, kept, overwrite=False, show_progress=False) == 0
    assert sorted(kept.fs.ls("a", detail=False)) == ["a/b", "a/x.csv"]
    assert sorted(kept.fs.find("")) == ["a/b/y.csv", "a/x.csv"]
    assert kept.fs.glob("a/**/*.csv") == ["a/b/y.csv", "a/x.csv"]
    assert (kept.fs.isdir("a"), kept.fs.isfile("a/x.csv"), kept.fs.exists("a/x")) == (
        True,
        True,
        False,
    )
    assert kept.fs.cat_file("a/b/y.csv") == b"22"
    with pytest.raises(FileNotFoundError):
        kept.fs.open("nope")


def test_a_file_that_the_tracker_keeps_is_not_read_to_see_that_it_is_there(
    kept: Folder, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_files({"a/x.bin": write("x.bin", "1")}, kept, overwrite=False, show_progress=False)
    monkeypatch.setattr(Datastores, "open", lambda stores, name: kept)
    monkeypatch.setattr(TrackerFileSystem, "get_file", None)
    check_readable(Definition(kind=FILE, sources=(Source("store", "a"),)), Datastores({}))
