"""Files of a run: uploads, downloads, files stored at the run's end, snapshots, models."""

from __future__ import annotations

import io
import os
import socket
import uuid
import zipfile
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from amlflow.exceptions import (
    AzureMLException,
    ModelPathNotFoundException,
    SnapshotException,
    UserErrorException,
)
from azureml.core import Dataset


def write(path: Path, text: str = "text") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def content(run: Run, name: str, folder: Path) -> bytes:
    target = folder / "content-of-a-file"
    run.download_file(name, str(target))
    return target.read_bytes()


# uploads

NAMES = ["model.pkl", "outputs/model.pkl", "a/b/c/deep.txt", "with space.txt", "ünï 日本.txt",
         "a=b", "it's", "100%.txt", "a#b?.txt", "a&b+c.txt", "🙂.txt", ".hidden", "a/.hidden",
         "no_suffix", "a%20b", "a%2e%2e", "C:x", "file:x", "a;b", "a<b>|*", "new\nline",
         "a~u23~b", "x" * 200]  # fmt: skip


def test_names_come_back(any_store: str, folder: Path) -> None:
    run = Experiment(Workspace.from_config(), "files").start_logging(snapshot_directory=None)
    for place, name in enumerate(NAMES):
        run.upload_file(name, str(write(folder / "source", str(place))))
    assert run.get_file_names() == sorted(NAMES)
    for place, name in enumerate(NAMES):
        assert content(run, name, folder) == str(place).encode()


def test_uploads_from_paths_and_streams(run: Run, folder: Path) -> None:
    path = write(folder / "source.txt", "from a path")
    run.upload_file(name="a", path_or_stream=str(path), datastore_name="unused")
    run.upload_file("b", path)  # type: ignore[arg-type]
    run.upload_file("c", io.BytesIO(b"bytes"))
    run.upload_file("d", io.StringIO("text ü"))
    with path.open("rb") as stream:
        run.upload_file("e", stream)
    run.upload_file("f", io.BytesIO(b""))
    run.upload_file("./outputs/g", str(path))
    found = {name: content(run, name, folder) for name in run.get_file_names()}
    assert found == {
        "a": b"from a path", "b": b"from a path", "c": b"bytes", "d": "text ü".encode(),
        "e": b"from a path", "f": b"", "outputs/g": b"from a path",
    }  # fmt: skip


def test_several_files_and_folders(run: Run, folder: Path) -> None:
    paths = [str(write(folder / name, name)) for name in ("one", "two")]
    assert run.upload_files(["x/1", "x/2"], paths) is None
    links = run.upload_files(names=["y/1"], paths=paths[:1], return_artifacts=True)
    assert list(links or {}) == ["y/1"]
    write(folder / "models" / "sub" / "deep.txt")
    write(folder / "models" / "top.txt")
    run.upload_folder("uploaded", str(folder / "models"))
    run.upload_folder(name="again/", path="models/")
    assert run.get_file_names() == [
        "again/sub/deep.txt", "again/top.txt", "uploaded/sub/deep.txt", "uploaded/top.txt",
        "x/1", "x/2", "y/1",
    ]  # fmt: skip


def test_an_existing_name_is_an_error_and_nothing_is_stored(run: Run, folder: Path) -> None:
    first, second = write(folder / "first", "1"), write(folder / "second", "2")
    run.upload_file("outputs/a", str(first))
    with pytest.raises(UserErrorException, match="'outputs/a'"):
        run.upload_file("outputs/a", str(second))
    with pytest.raises(UserErrorException, match="'outputs/a'"):
        run.upload_files(["outputs/new", "outputs/a"], [str(second), str(second)])
    assert run.get_file_names() == ["outputs/a"]
    assert content(run, "outputs/a", folder) == b"1"


@pytest.mark.parametrize(
    "name",
    ["", "/absolute", "../up", "a/../b", "a//b", "a/", ".", "..", "a\\b", "a\0b", "amlflow/x",
     None, 5],
)  # fmt: skip
def test_refused_names(run: Run, folder: Path, name: Any) -> None:
    with pytest.raises(UserErrorException) as error:
        run.upload_file(name, str(write(folder / "source")))
    assert repr(name) in error.value.message
    assert run.get_file_names() == []


@pytest.mark.parametrize("name", ["outputs", "outputs/a/b"])
def test_a_name_cannot_be_a_file_and_a_folder(run: Run, folder: Path, name: str) -> None:
    run.upload_file("outputs/a", str(write(folder / "source")))
    with pytest.raises(AzureMLException) as error:
        run.upload_file(name, str(write(folder / "source")))
    assert name in error.value.message
    assert run.get_file_names() == ["outputs/a"]


def test_a_missing_file_or_folder_is_not_uploaded(run: Run, folder: Path) -> None:
    with pytest.raises(UserErrorException, match="'nowhere'"):
        run.upload_file("a", "nowhere")
    with pytest.raises(UserErrorException, match="'nowhere'"):
        run.upload_files(["a", "b"], [str(write(folder / "there")), "nowhere"])
    with pytest.raises(UserErrorException, match="'nowhere'"):
        run.upload_folder("a", "nowhere")
    with pytest.raises(UserErrorException, match="int"):
        run.upload_file("a", 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="2 names for 1 paths"):
        run.upload_files(["a", "b"], [str(folder / "there")])
    assert run.get_file_names() == []


# downloads


@pytest.fixture
def filled(run: Run, folder: Path) -> Run:
    names = ["logs/a.txt", "outputs/b.txt", "outputs/sub/c.txt"]
    run.upload_files(names, [str(write(folder / "in" / name, name)) for name in names])
    return run


def tree(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_download_file(filled: Run, folder: Path) -> None:
    filled.download_file("outputs/sub/c.txt")
    assert (folder / "c.txt").read_text() == "outputs/sub/c.txt"
    filled.download_file(name="outputs/b.txt", output_file_path="new/named.txt")
    assert (folder / "new" / "named.txt").read_text() == "outputs/b.txt"
    filled.download_file("outputs/b.txt", str(folder / "new"))
    assert (folder / "new" / "b.txt").is_file()
    filled.download_file("outputs/b.txt", "later/")
    assert (folder / "later" / "b.txt").is_file()
    filled.download_file("logs/a.txt", "c.txt")
    assert (folder / "c.txt").read_text() == "logs/a.txt"


@pytest.mark.parametrize(
    "name", ["nothing", "outputs", "outputs/", "outputs/b", "../x", "/etc/passwd"]
)
def test_a_file_that_the_run_has_not(filled: Run, folder: Path, name: str) -> None:
    before = tree(folder)
    with pytest.raises(UserErrorException) as error:
        filled.download_file(name, "target")
    assert repr(name) in error.value.message
    assert tree(folder) == before


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, ["logs/a.txt", "outputs/b.txt", "outputs/sub/c.txt"]),
        ({"prefix": "outputs"}, ["outputs/b.txt", "outputs/sub/c.txt"]),
        ({"prefix": "outputs/"}, ["outputs/b.txt", "outputs/sub/c.txt"]),
        ({"prefix": "outputs/sub"}, ["outputs/sub/c.txt"]),
        ({"prefix": "out"}, ["outputs/b.txt", "outputs/sub/c.txt"]),
        ({"prefix": "outputs", "append_prefix": False}, ["b.txt", "sub/c.txt"]),
        ({"prefix": "outputs/b.txt", "append_prefix": False}, ["b.txt"]),
        ({"prefix": "outputs", "output_paths": ["x", "y/z"]}, ["x", "y/z"]),
    ],
)
def test_download_files(
    filled: Run, folder: Path, options: dict[str, Any], found: list[str]
) -> None:
    filled.download_files(output_directory=str(folder / "got"), **options)
    assert tree(folder / "got") == found


def test_download_files_here_and_of_nothing(filled: Run, folder: Path) -> None:
    os.chdir((folder / "here").mkdir() or folder / "here")
    filled.download_files()
    assert tree(folder / "here") == ["logs/a.txt", "outputs/b.txt", "outputs/sub/c.txt"]
    with pytest.raises(UserErrorException, match="'nothing'"):
        filled.download_files(prefix="nothing")
    with pytest.raises(UserErrorException, match="1 output_paths for 3 files"):
        filled.download_files(output_paths=["a"])


# what ends with the run


def test_links_that_lead_out_are_not_uploaded_at_the_end(
    experiment: Experiment, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = write(folder.parent / "elsewhere" / "secret.txt", "secret")
    write(folder / "checkpoints" / "best.txt", "best")
    write(folder / "outputs" / "a.txt", "a")
    for name, target in {
        "file": secret, "folder": secret.parent, "nowhere": "nothing", "best": "../checkpoints",
    }.items():  # fmt: skip
        (folder / "outputs" / name).symlink_to(target)
    (folder / "logs").symlink_to(secret.parent)
    run = experiment.start_logging(snapshot_directory=None)
    run.complete()
    assert run.get_file_names() == ["outputs/a.txt", "outputs/best/best.txt"]
    [said] = [each.getMessage() for each in caplog.records if "lead out" in each.getMessage()]
    assert "outputs/file, outputs/folder, outputs/nowhere, logs." in said
    assert "secret" not in said


def test_links_of_an_outputs_folder_elsewhere(
    experiment: Experiment, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = folder.parent / "results"
    write(elsewhere / "a.txt", "a")
    (elsewhere / "link").symlink_to(write(folder.parent / "secret.txt"))
    run = experiment.start_logging(outputs=str(elsewhere), snapshot_directory=None)
    run.complete()
    assert run.get_file_names() == ["results/a.txt"]
    assert "results/link" in caplog.text


def test_outputs_and_logs_are_uploaded_at_the_end(experiment: Experiment, folder: Path) -> None:
    write(folder / "outputs" / "before.txt")
    with experiment.start_logging(snapshot_directory=None) as run:
        write(folder / "outputs" / "sub" / "model.txt")
        write(folder / "logs" / "log.txt")
        write(folder / "other" / "stays.txt")
        os.chdir("/")
    assert run.get_file_names() == [
        "logs/log.txt", "outputs/before.txt", "outputs/sub/model.txt",
    ]  # fmt: skip


@pytest.mark.parametrize("end", ["complete", "fail", "cancel"])
def test_they_are_uploaded_however_it_ends(experiment: Experiment, folder: Path, end: str) -> None:
    run = experiment.start_logging(snapshot_directory=None)
    write(folder / "outputs" / "a.txt")
    getattr(run, end)()
    assert run.get_file_names() == ["outputs/a.txt"]


@pytest.mark.parametrize(
    ("outputs", "found"),
    [
        (None, ["logs/l", "outputs/o"]), (True, ["logs/l", "outputs/o"]),
        ("", ["logs/l", "outputs/o"]),
        (False, ["logs/l"]), ("mine", ["logs/l", "mine/m"]), ("./mine/", ["logs/l", "mine/m"]),
        ("../beside", ["beside/b", "logs/l"]),
    ],
)  # fmt: skip
def test_outputs_says_which_folder(
    experiment: Experiment, folder: Path, outputs: Any, found: list[str]
) -> None:
    for name in ("outputs/o", "logs/l", "mine/m", "../beside/b"):
        write(folder / name)
    with experiment.start_logging(outputs=outputs, snapshot_directory=None) as run:
        pass
    assert run.get_file_names() == found


def test_an_absolute_folder_and_a_childs(experiment: Experiment, folder: Path) -> None:
    write(folder / "outputs" / "parents")
    write(folder / "childs" / "c")
    beside = write(folder.parent / "elsewhere" / "x").parent
    with experiment.start_logging(outputs=str(beside), snapshot_directory=None) as run:
        with run.child_run(outputs="childs") as child:
            pass
        with run.child_run() as plain:
            pass
    assert child.get_file_names() == ["childs/c"]
    assert plain.get_file_names() == []
    assert run.get_file_names() == ["elsewhere/x"]


def test_a_file_that_was_uploaded_by_name_already(experiment: Experiment, folder: Path) -> None:
    with experiment.start_logging(snapshot_directory=None) as run:
        run.upload_file("outputs/a", str(write(folder / "outputs" / "a", "early")))
        write(folder / "outputs" / "a", "late")
    assert content(run, "outputs/a", folder) == b"late"


def test_a_run_that_was_found_uploads_nothing(
    run: Run, experiment: Experiment, folder: Path
) -> None:
    write(folder / "outputs" / "a")
    Run(experiment, run.id).complete()
    assert run.get_file_names() == []


# snapshots


def test_take_and_restore(run: Run, folder: Path) -> None:
    write(folder / "src" / "train.py", "print(1)")
    (folder / "src" / "train.py").chmod(0o755)
    write(folder / "src" / "sub" / "ü.txt")
    digest = run.take_snapshot("src")
    assert run.get_snapshot_id() == digest == run.get_properties()["ContentSnapshotId"]
    archive = run.restore_snapshot()
    assert zipfile.ZipFile(archive).namelist() == ["sub/ü.txt", "train.py"]
    restored = run.restore_snapshot(path=str(folder / "back"))
    assert tree(Path(restored)) == ["sub/ü.txt", "train.py"]
    assert os.access(folder / "back" / "train.py", os.X_OK)
    assert run.restore_snapshot(snapshot_id=digest, path="back2") == str(folder / "back2")


def test_a_run_has_one_snapshot_and_refuses_another(run: Run, folder: Path) -> None:
    write(folder / "a" / "x", "1")
    write(folder / "b" / "x", "2")
    first = run.take_snapshot("a")
    assert run.take_snapshot("a") == first
    with pytest.raises(UserErrorException, match="ContentSnapshotId"):
        run.take_snapshot("b")
    assert run.get_snapshot_id() == first


def test_a_snapshot_of_one_file_holds_that_file(run: Run, folder: Path) -> None:
    write(folder / "train.py", "print(1)")
    run.take_snapshot("train.py")
    assert tree(Path(run.restore_snapshot(path="back"))) == ["train.py"]


def test_a_snapshot_leaves_out_what_is_ignored_and_links_out(run: Run, folder: Path) -> None:
    source = folder / "src"
    for name in (
        "train.py", "data/big.bin", "data/keep.txt", "notes.log", ".git/HEAD", "__pycache__/x.pyc",
        "env/pyvenv.cfg", "env/lib/x.py", "mlflow.db", "mlruns/0/meta.yaml", ".ipynb_checkpoints/a",
    ):  # fmt: skip
        write(source / name)
    write(source / ".gitignore", "*.py\n")
    write(source / ".amlignore", "data/*\n!data/keep.txt\n*.log\n")
    write(folder / "secret")
    (source / "link").symlink_to(folder / "secret")
    (source / "gone").symlink_to(folder / "nowhere")
    run.take_snapshot(str(source))
    kept = tree(Path(run.restore_snapshot(path="back")))
    assert kept == [".amlignore", ".gitignore", "data/keep.txt", "train.py"]


def test_gitignore_counts_where_there_is_no_amlignore(run: Run, folder: Path) -> None:
    for name in ("train.py", "a.log", "sub/b.log"):
        write(folder / "src" / name)
    write(folder / "src" / ".gitignore", "*.log\n")
    run.take_snapshot("src")
    assert tree(Path(run.restore_snapshot(path="back"))) == [".gitignore", "train.py"]


def test_a_snapshot_over_a_limit_is_refused_and_the_limit_named(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder / "src" / "large.bin", "x" * (3 << 20))
    write(folder / "src" / "small.txt")
    monkeypatch.setenv("AMLFLOW_SNAPSHOT_MAX_MB", "2")
    with pytest.raises(SnapshotException, match=r"3\.0 MB.*large\.bin.*AMLFLOW_SNAPSHOT_MAX_MB"):
        run.take_snapshot("src")
    monkeypatch.setenv("AMLFLOW_SNAPSHOT_MAX_MB", "4")
    monkeypatch.setenv("AMLFLOW_SNAPSHOT_MAX_FILES", "1")
    with pytest.raises(SnapshotException, match=r"more than 1 files.*AMLFLOW_SNAPSHOT_MAX_FILES"):
        run.take_snapshot("src")
    monkeypatch.delenv("AMLFLOW_SNAPSHOT_MAX_FILES")
    run.take_snapshot("src")


def test_no_snapshot_to_take_or_give(run: Run) -> None:
    with pytest.raises(SnapshotException, match="'nowhere'"):
        run.take_snapshot("nowhere")
    with pytest.raises(SnapshotException, match=run.id):
        run.get_snapshot_id()
    with pytest.raises(SnapshotException, match=run.id):
        run.restore_snapshot()
    with pytest.raises(AzureMLException, match="'0000'"):
        run.restore_snapshot(snapshot_id="0000")


# models


def test_register_model(run: Run, folder: Path) -> None:
    run.upload_file("outputs/model.pkl", str(write(folder / "model.pkl")))
    run.upload_file("whole/a/b", str(write(folder / "model.pkl")))
    model = run.register_model(
        "my-model", model_path="outputs/model.pkl", tags={"a": "b"}, properties={"p": "q"},
        model_framework="ScikitLearn", model_framework_version="1.0", description="text",
    )  # fmt: skip
    assert (model.name, model.version, model.id, model.run_id) == (
        "my-model", 1, "my-model:1", run.id,
    )  # fmt: skip
    assert (model.tags, model.description) == ({"a": "b"}, "text")
    assert model.properties == {"p": "q"}
    assert run.register_model(model_name="my-model", model_path="./whole/").version == 2
    with pytest.raises(ModelPathNotFoundException, match="'nowhere'"):
        run.register_model("my-model", model_path="nowhere")


def test_the_folder_of_outputs_is_made_when_a_run_starts(
    experiment: Experiment, folder: Path
) -> None:
    experiment.start_logging(snapshot_directory=None, outputs=False)
    assert not (folder / "outputs").exists()
    experiment.start_logging(snapshot_directory=None, outputs="results/here")
    with experiment.start_logging(snapshot_directory=None) as run:
        (folder / "outputs" / "model.txt").write_text("weights")
    assert (folder / "results" / "here").is_dir()
    assert run.get_file_names() == ["outputs/model.txt"]


def test_the_beginning_of_a_table_at_a_server(
    folder: Path, server_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server_uri)
    datastore = Workspace.from_config().get_default_datastore()
    name = f"{uuid.uuid4()}.csv"
    write(folder / name, "a,b\n" + "1,2\n" * 1_000_000)
    datastore.upload_files([name], show_progress=False)
    received, readinto = [0], socket.SocketIO.readinto

    def count_bytes(stream: socket.SocketIO, buffer: Any) -> int | None:
        count = readinto(stream, buffer)
        received.append(count or 0)
        return count

    monkeypatch.setattr(socket.SocketIO, "readinto", count_bytes)
    table = Dataset.Tabular.from_delimited_files((datastore, name))
    assert 0 < sum(received) < 100_000
    received.clear()
    assert len(table.to_pandas_dataframe()) == 1_000_000
    assert 4_000_000 < sum(received) < 4_100_000, "it is fetched once"
