"""Uploads that fail in the middle: nothing is registered, and a second try is complete."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import fsspec
import pytest
from amlflow.core.data import declared
from amlflow.core.data.datastore import datastores_of
from amlflow.core.store import tracker_of
from amlflow.core.workspace import Workspace
from amlflow.data import transfer
from amlflow.data.errors import DatasetExecutionError
from amlflow.data.provide import keep
from amlflow.data.script_data import UPLOAD, ScriptData, ScriptOutput
from amlflow.spec import Unavailable
from amlflow.testing.memory import MemoryTracker
from azureml.core import Dataset
from fsspec.implementations.memory import MemoryFileSystem

FILES = {"a.csv": "v\n1\n", "b.csv": "v\n2\n", "c.csv": "v\n3\n"}
Break = Callable[[BaseException], None]


class Disk(MemoryFileSystem):  # type: ignore[misc]
    """A file system such as SFTP's: a file is seen as it grows, and can be renamed."""

    protocol = "disk"
    store: dict[str, Any] = {}  # noqa: RUF012 - fsspec's own way to keep them for all instances
    pseudo_dirs = [""]  # noqa: RUF012
    stop: BaseException | None = None

    def put_file(self, lpath: str, rpath: str, **kwargs: Any) -> None:
        content = Path(lpath).read_bytes()
        if Path(lpath).name == "b.csv" and Disk.stop is not None:
            self.pipe_file(rpath, content[:1])
            raise Disk.stop
        self.pipe_file(rpath, content)

    def mv(self, path1: str, path2: str, **kwargs: Any) -> None:
        if self.exists(path2):  # as SMB does
            raise FileExistsError(path2)
        self.store[self._strip_protocol(path2)] = self.store.pop(self._strip_protocol(path1))


@pytest.fixture(params=["folder", "tracker", "disk"])
def breaks(
    request: pytest.FixtureRequest, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Break]:
    """The default datastore is of one kind, and its upload of b.csv breaks off with an error."""
    monkeypatch.setattr(transfer, "BATCH", 1)
    if request.param == "tracker":
        monkeypatch.setattr(declared, "own_folder", lambda uri: None)
    if request.param == "disk":
        fsspec.register_implementation("disk", Disk, clobber=True)
        declared.attach(workspace, "disk", "disk://data")
        declared.set_default(workspace, "disk")

    def break_off(error: BaseException) -> None:
        Disk.stop = error
        replace, put_files = os.replace, MemoryTracker.put_files

        def stop_rename(source: Any, target: Any) -> None:
            if str(target).endswith("b.csv"):
                raise error
            replace(source, target)

        def stop_put(
            tracker: MemoryTracker, run_id: str, files: Mapping[str, Path], **options: Any
        ) -> None:
            if any(name.endswith("b.csv") for name in files):
                raise error
            put_files(tracker, run_id, files, **options)

        monkeypatch.setattr(os, "replace", stop_rename)
        monkeypatch.setattr(MemoryTracker, "put_files", stop_put)

    yield break_off
    Disk.stop = None
    Disk.store.clear()


def resume(monkeypatch: pytest.MonkeyPatch) -> None:
    Disk.stop = None
    # Not undo(), since that would also move the datastores back.
    monkeypatch.setattr(os, "replace", REPLACE)
    monkeypatch.setattr(MemoryTracker, "put_files", PUT_FILES)


REPLACE, PUT_FILES = os.replace, MemoryTracker.put_files


def contents(workspace: Workspace) -> dict[str, str]:
    """All files of the default datastore, by the names without folders."""
    folder = datastores_of(workspace).open(declared.default_name(workspace))
    paths = folder.fs.find(folder.root) if folder.fs.exists(folder.root) else []
    return {path.rpartition("/")[2]: folder.fs.cat_file(path).decode() for path in paths}


def upload(workspace: Workspace) -> Any:
    datastore = workspace.get_default_datastore()
    datastore.upload("src", "to", show_progress=False)
    return Dataset.File.from_files((datastore, "to")).register(workspace, "data")


def upload_directory(workspace: Workspace) -> Any:
    target = (workspace.get_default_datastore(), "to")
    dataset = Dataset.File.upload_directory("src", target, show_progress=False)
    return dataset.register(workspace, "data")


def register(workspace: Workspace) -> Any:
    return Dataset.Tabular.from_delimited_files("src/*.csv").register(workspace, "data")


def complete(workspace: Workspace) -> Any:
    """What the agent does when a script has ended that wrote an output."""
    stores = datastores_of(workspace)
    output = ScriptOutput(
        name="data", mode=UPLOAD, store=declared.default_name(workspace), path="to",
        marker="x", registration={"name": "data", "description": None, "tags": {}},
    )  # fmt: skip
    data = ScriptData(stores=stores.addresses, outputs=[output])
    keep(data, {"data": Path("src")}, stores, lambda: tracker_of(workspace), "run-1", True)
    return Dataset.get_by_name(workspace, "data")


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (OSError(28, "No space left on device"), DatasetExecutionError),
        (Unavailable("cut off"), Unavailable),
    ],
    ids=["interrupted", "full", "away"],
)
@pytest.mark.parametrize("call", [upload, upload_directory, register, complete])
def test_an_upload_that_breaks_off_in_the_middle(
    workspace: Workspace,
    breaks: Break,
    call: Callable[[Workspace], Any],
    error: BaseException,
    raised: type[BaseException],
    write: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, content in FILES.items():
        write(f"src/{name}", content)
    breaks(error)
    with pytest.raises(raised):
        call(workspace)
    assert contents(workspace) == {"a.csv": FILES["a.csv"]}, "no file is there in part"
    assert list(workspace.datasets) == []
    resume(monkeypatch)
    dataset = call(workspace)
    assert (dataset.name, dataset.version) == ("data", 1)
    assert contents(workspace) == FILES
    assert len(dataset.to_path() if hasattr(dataset, "to_path") else FILES) == len(FILES)


def test_a_file_that_is_replaced_is_whole_before_and_after(
    workspace: Workspace, breaks: Break, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    datastore = workspace.get_default_datastore()
    path = write("b.csv", "old")
    datastore.upload_files([path], show_progress=False)
    path.write_text("new")
    breaks(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        datastore.upload_files([path], overwrite=True, show_progress=False)
    assert contents(workspace) == {"b.csv": "old"}
    resume(monkeypatch)
    datastore.upload_files([path], overwrite=True, show_progress=False)
    assert contents(workspace) == {"b.csv": "new"}
