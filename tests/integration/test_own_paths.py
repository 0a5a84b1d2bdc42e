"""A snapshot never contains the tracker's own files, and never opens a database that is in use."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.workspace import Workspace
from amlflow.exceptions import SnapshotException, UserErrorException
from amlflow.jobs import snapshot
from amlflow.layers.layer import Layer
from amlflow.plugins import _lacking
from amlflow.spec import Feature, Tracker
from amlflow.testing.memory import MemoryTracker

SECONDS = 120
"""After which a call counts as hung."""


class Opened:
    """The files that this process opens while it is on, by device and inode."""

    def __init__(self) -> None:
        self.paths: list[str] | None = None
        sys.addaudithook(self._on_event)  # it stays for the whole process

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and self.paths is not None and isinstance(arguments[0], str):
            self.paths.append(arguments[0])

    @contextlib.contextmanager
    def on(self) -> Iterator[list[str]]:
        self.paths = paths = []
        try:
            yield paths
        finally:
            self.paths = None


OPENED = Opened()


def names_in(archive: Path) -> list[str]:
    return zipfile.ZipFile(archive).namelist()


def packed(source: Path, own: list[Path], archive: Path) -> list[str]:
    snapshot.pack(source, snapshot.collect(source, own), archive)
    return names_in(archive)


@pytest.fixture
def source(folder: Path) -> Path:
    """A working folder with a database, a folder of a tracker, and other names of both."""
    (folder / "train.py").write_text("print(1)")
    (folder / "store" / "deep").mkdir(parents=True)
    (folder / "store" / "deep" / "blob").write_text("blob")
    for name in ("any.name", "any.name-wal", "any.name-shm", "any.name-journal", "any.name-other"):
        (folder / name).write_text(name)
    os.link(folder / "any.name", folder / "hard")
    os.link(folder / "any.name-wal", folder / "hard-wal")
    os.link(folder / "store" / "deep" / "blob", folder / "hard-blob")
    (folder / "soft").symlink_to("any.name")
    (folder / "soft-folder").symlink_to("store")
    (folder / "soft-deep").symlink_to("store/deep")
    (folder / "soft-blob").symlink_to("store/deep/blob")
    return folder


def test_own_paths_are_left_out_under_every_name(source: Path, tmp_path: Path) -> None:
    own = [source / "any.name", source / "store"]
    with OPENED.on() as opened:
        names = packed(source, own, tmp_path / "archive")
    assert names == ["any.name-other", "train.py"]
    assert {Path(each).name for each in opened} & set(os.listdir(source)) == set(names)


def test_own_paths_may_be_given_through_links(source: Path, tmp_path: Path) -> None:
    own = [source / "soft", source / "soft-folder"]
    assert packed(source, own, tmp_path / "archive") == ["any.name-other", "train.py"]


def test_a_path_that_holds_the_source_folder_does_not_count(source: Path, tmp_path: Path) -> None:
    own = [source, source.parent, Path("/"), source / "any.name"]
    assert "train.py" in packed(source, own, tmp_path / "archive")
    assert "any.name" not in packed(source, own, tmp_path / "archive")


def test_a_database_that_is_open_here_is_not_opened(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "train.py").write_text("print(1)")
    with contextlib.closing(sqlite3.connect(folder / "study.sqlite")) as database:
        database.execute("PRAGMA journal_mode = wal")
        database.execute("CREATE TABLE t (x)")
        database.commit()
        os.link(folder / "study.sqlite", folder / "hard")
        assert (folder / "study.sqlite-shm").exists()
        with OPENED.on() as opened:
            assert packed(folder, [], tmp_path / "archive") == ["train.py"]
        assert not [each for each in opened if "study" in each or each.endswith("hard")]
        assert "hard, study.sqlite, study.sqlite-shm, study.sqlite-wal" in caplog.text
        with pytest.raises(SnapshotException, match=r"study\.sqlite"):
            snapshot.collect(folder / "study.sqlite")
    assert packed(folder, [], tmp_path / "later") == ["hard", "study.sqlite", "train.py"]


def test_a_database_that_is_open_here_is_not_opened_by_uploads(
    folder: Path, sqlite_uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    data = folder / "data"
    data.mkdir()
    (data / "a.txt").write_text("a")
    workspace = Workspace.from_config()
    run = Experiment(workspace, "own").start_logging(snapshot_directory=None)
    datastore = workspace.get_default_datastore()
    with contextlib.closing(sqlite3.connect(data / "study.sqlite")) as database:
        database.execute("CREATE TABLE t (x)")
        os.link(data / "study.sqlite", data / "hard")
        with OPENED.on() as opened:
            run.upload_folder("data", str(data))
            assert "data/hard, data/study.sqlite" in caplog.text
            for upload in (
                lambda: run.upload_file("one", "data/hard"),
                lambda: run.upload_files(["one", "two"], ["data/a.txt", "data/hard"]),
                lambda: datastore.upload("data", show_progress=False),
                lambda: datastore.upload_files(["data/hard"], show_progress=False),
            ):
                with pytest.raises(UserErrorException, match="open in this process"):
                    upload()
        assert not [each for each in opened if "study" in each or each.endswith("hard")]
    assert run.get_file_names() == ["data/a.txt"]
    run.upload_file("later", "data/hard")
    run.complete()


def test_the_journal_and_the_jobs_are_left_out(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "train.py").write_text("print(1)")
    for variable, name in (("AMLFLOW_JOURNAL_FOLDER", "j"), ("AMLFLOW_JOBS", "k")):
        monkeypatch.setenv(variable, str(folder / name))
        (folder / name / "deep").mkdir(parents=True)
        (folder / name / "deep" / "file").write_text("x")
    own = snapshot.own_paths(MemoryTracker())
    assert packed(folder, own, tmp_path / "archive") == ["train.py"]
    # A submitted script itself runs in a folder below the folder of jobs.
    (folder / "k" / "work").mkdir()
    (folder / "k" / "work" / "train.py").write_text("print(1)")
    assert packed(folder / "k" / "work", own, tmp_path / "inner") == ["train.py"]


class OfYesterday:
    """A plugin's tracker that was written before trackers said which paths are their own."""

    def __init__(self) -> None:
        self._inner = MemoryTracker()
        for name in vars(Tracker):
            if not name.startswith("_") and name != "own_paths":
                setattr(self, name, getattr(self._inner, name))
        self.features = self._inner.features - {Feature.MODELS}


def test_a_plugin_without_the_method_has_none() -> None:
    tracker: Any = OfYesterday()
    assert not hasattr(tracker, "own_paths")
    assert _lacking(tracker, Tracker) == []
    assert Layer(tracker).own_paths() == ()
    assert Layer(Layer(tracker)).own_paths() == ()


# trackers with their store in the working folder

CHILD = """
import sys
from azureml.core import Experiment, Run, Workspace

run = Run(Experiment(Workspace.from_config(), "own"), sys.argv[1])
for value in range(20):
    run.log("child", value)
run.flush()
"""


@pytest.fixture(params=["sqlite:///runs.sqlite", "trackio-here", "file"])
def own_store(
    request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A working folder that holds the tracker's store, under a name that nobody expects."""
    uri = {
        "sqlite:///runs.sqlite": "sqlite:///runs.sqlite",
        "trackio-here": f"trackio://{folder}",
        "file": f"file://{folder}/tracked",
    }[request.param]
    if request.param == "trackio-here":
        shutil.copytree(request.getfixturevalue("empty_trackio"), folder, dirs_exist_ok=True)
    (folder / "train.py").write_text("print(1)")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return folder


def within_seconds(call: Any) -> Any:
    """What a call returns; it fails where that takes so long that it hangs."""
    outcome: list[Any] = []

    def work() -> None:
        try:
            outcome.append(call())
        except BaseException as error:  # noqa: BLE001
            outcome.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(SECONDS)
    assert outcome, f"it has not returned within {SECONDS} s"
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
    return outcome[0]


def test_four_runs_in_a_row(own_store: Path, tmp_path: Path) -> None:
    experiment = Experiment(Workspace.from_config(), "own")
    runs = []
    for number in range(4):
        run = within_seconds(experiment.start_logging)
        run.log("loss", number)
        run.upload_file("model", "train.py")
        if number == 0:  # the last process that closes a database removes its WAL
            subprocess.run([sys.executable, "-c", CHILD, run.id], check=True, timeout=SECONDS)
        run.flush()
        runs.append(run)
    assert len({run.get_snapshot_id() for run in runs}) == 1
    archive = tmp_path / "archive"
    experiment._tracker.get_snapshot(runs[0].get_snapshot_id(), archive)
    assert names_in(archive) == ["train.py"]
    for number, run in enumerate(runs):
        of_child = {} if number else {"child": list(range(20))}
        assert run.get_metrics() == {"loss": number, **of_child}
        run.complete()
