"""Data sets: files, registering, versions, ids, and definitions that come from a tracker."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from amlflow.core.workspace import Workspace
from amlflow.data.definition import Definition, Source, parse_definition
from amlflow.data.registry import (
    DEFINITION,
    EXPERIMENT,
    ID,
    NAME,
    VERSION,
    Registry,
    UnknownDataset,
)
from amlflow.exceptions import UserErrorException
from amlflow.local_paths import UnsafeName
from amlflow.spec import RunDraft, Status
from amlflow.testing.memory import MemoryTracker
from amlflow.tracker_data import Malformed
from azureml.core import Dataset
from azureml.data import FileDataset, TabularDataset
from azureml.data.dataset_error_handling import DatasetExecutionError, DatasetValidationError

Write = Callable[..., Path]


@pytest.fixture
def animals(datastore: Any, write: Write) -> Any:
    """A datastore with a few files."""
    for name in ("cat/1.txt", "dog/1.txt", "dog/2.txt", "readme.md"):
        write(f"src/{name}", name)
    datastore.upload("src", "animals", show_progress=False)
    return datastore


def test_a_data_set_has_the_factories(animals: Any, write: Write) -> None:
    """Public code makes its table with the data set that an upload has returned."""
    write("src/table.csv", "a,b\n1,2\n")
    uploaded = Dataset.File.upload_directory("src", (animals, "tables"), pattern="*.csv")
    table = uploaded.Tabular.from_delimited_files((animals, "tables"))
    assert table.to_pandas_dataframe().to_dict("list") == {"a": [1], "b": [2]}
    assert table.File.from_files((animals, "tables")).to_path() == ["/table.csv"]


# files, with the names that azureml-dataprep 5.5 gives them


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("animals/dog", ["/1.txt", "/2.txt"]),
        ("animals/dog/", ["/1.txt", "/2.txt"]),
        ("/animals/dog/1.txt", ["/1.txt"]),
        ("animals/*/1.txt", ["/cat/1.txt", "/dog/1.txt"]),
        ("animals/**/*.txt", ["/cat/1.txt", "/dog/1.txt", "/dog/2.txt"]),
        ("animals/**", ["/cat/1.txt", "/dog/1.txt", "/dog/2.txt", "/readme.md"]),
        (
            ["animals/cat", "animals/dog/2.txt"],
            ["/workspaceblobstore/animals/cat/1.txt", "/workspaceblobstore/animals/dog/2.txt"],
        ),
    ],
)
def test_names_of_files(animals: Any, path: Any, names: list[str]) -> None:
    assert Dataset.File.from_files((animals, path)).to_path() == names


def test_forms_of_a_path(animals: Any) -> None:
    for path in (animals.path("animals/dog"), [(animals, "animals/dog")]):
        assert Dataset.File.from_files(path).to_path() == ["/1.txt", "/2.txt"]


def test_local_files(folder: Path, write: Write) -> None:
    write("in/sub/a.txt", "1")
    assert Dataset.File.from_files("in").to_path() == ["/sub/a.txt"]
    assert Dataset.File.from_files((folder / "in").as_uri()).to_path() == ["/sub/a.txt"]


def test_download(animals: Any, folder: Path) -> None:
    dataset = Dataset.File.from_files((animals, "animals/dog"))
    paths = dataset.download("out")
    assert paths == [str(folder / "out/1.txt"), str(folder / "out/2.txt")]
    with pytest.raises(UserErrorException, match="nothing was downloaded; pass overwrite=True"):
        dataset.download("out")
    Path("out/1.txt").write_text("mine")
    dataset.download("out", overwrite=True)
    assert Path("out/1.txt").read_text() == "dog/1.txt"
    assert Path(dataset.take(1).download()[0]).read_text() == "dog/1.txt"


def test_a_download_without_the_files_that_are_not_found(
    animals: Any, folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [(animals, name) for name in ("nope/*.txt", "animals/dog/1.txt", "animals/dog/2.txt")]
    dataset = Dataset.File.from_files(paths, validate=False)
    with pytest.raises(DatasetExecutionError, match=r"nope/\*\.txt.* has no file"):
        dataset.download("out")
    found = dataset._files

    def find_and_remove(**arguments: bool) -> Any:
        files = found(**arguments)
        Path(files[0].path).unlink()
        return files

    monkeypatch.setattr(dataset, "_files", find_and_remove)
    [path] = dataset.download("out", ignore_not_found=True)
    assert path.endswith("animals/dog/2.txt")
    whole, single = caplog.messages
    assert "nope/*.txt' has no file" in whole
    assert "dog/1.txt' failed: it does not exist" in single


def test_mount(animals: Any, folder: Path) -> None:
    dataset = Dataset.File.from_files((animals, "animals"))
    with dataset.mount() as context:
        point = Path(context.mount_point)
        assert (point / "dog/2.txt").read_text() == "dog/2.txt"
    assert not point.exists()
    context = dataset.mount("here")
    context.start()
    with pytest.raises(UserErrorException, match="not an empty folder"):
        dataset.mount("here").start()
    context.stop()
    assert (folder / "amlflow-datastores/workspaceblobstore/animals/dog/2.txt").exists()


def test_stop_of_a_refused_mount_keeps_the_folder(animals: Any, write: Write) -> None:
    mine = write("here/mine.txt", "1")
    context = Dataset.File.from_files((animals, "animals")).mount("here")
    with pytest.raises(UserErrorException, match="not an empty folder"):
        context.start()
    context.stop()
    assert mine.exists()


def test_steps_of_files(animals: Any) -> None:
    dataset = Dataset.File.from_files((animals, "animals"))
    assert dataset.take(1).to_path() == ["/cat/1.txt"]
    assert dataset.skip(3).to_path() == ["/readme.md"]
    first, second = dataset.random_split(0.5, seed=3)
    assert sorted([*first.to_path(), *second.to_path()]) == dataset.to_path()


def test_upload_of_a_directory(datastore: Any, write: Write) -> None:
    write("src/a.csv", "1")
    write("src/sub/b.txt", "1")
    target = (datastore, "up")
    dataset = Dataset.File.upload_directory("src", target, pattern="*.csv", show_progress=False)
    assert dataset.to_path() == ["/a.csv"]
    dataset = Dataset.File.upload_directory("src", target, show_progress=False)
    assert dataset.to_path() == ["/a.csv", "/sub/b.txt"]
    with pytest.raises(UserErrorException, match=r"matches the pattern '\*\.png'"):
        Dataset.File.upload_directory("src", target, pattern="*.png")


def test_what_is_not_there_or_not_here(animals: Any) -> None:
    with pytest.raises(DatasetValidationError, match="'workspaceblobstore/nowhere' has no file"):
        Dataset.File.from_files((animals, "nowhere"))
    with pytest.raises(UserErrorException, match="leads out"):
        Dataset.File.from_files((animals, "../../x"))
    dataset = Dataset.File.from_files((animals, "animals"))
    with pytest.raises(UserErrorException, match="as_cache"):
        dataset.as_cache(None)
    with pytest.raises(UserErrorException, match="bad name"):
        dataset.as_named_input("bad name")


def test_a_name_that_leads_out_of_the_folder(datastore: Any, folder: Path) -> None:
    place = folder / "amlflow-datastores/workspaceblobstore"
    place.mkdir(parents=True)
    (place / "a\\..\\b").write_text("1")
    with pytest.raises(UnsafeName):
        Dataset.File.from_files((datastore, "")).download("out")


# registering


@pytest.fixture
def table(animals: Any, write: Write) -> Any:
    animals.upload_files([write("t.csv", "a,b\n2,x\n3,y\n")], target_path="t", show_progress=False)
    return Dataset.Tabular.from_delimited_files((animals, "t/t.csv"))


def test_register_and_get(workspace: Workspace, table: Any, animals: Any) -> None:
    assert (table.name, table.version, table.id, table.tags) == (None, None, None, None)
    first = table.register(workspace, "titanic", description="people", tags={"stage": "raw"})
    assert (first.name, first.version, first.description, first.tags) == (
        "titanic",
        1,
        "people",
        {"stage": "raw"},
    )
    second = Dataset.File.from_files((animals, "animals")).register(
        workspace, "titanic", create_new_version=True
    )
    assert (second.version, type(second)) == (2, FileDataset)
    again = Dataset.get_by_name(workspace, "titanic", version=1)
    assert isinstance(again, TabularDataset)
    assert again.to_pandas_dataframe()["b"].tolist() == ["x", "y"]
    assert Dataset.get_by_name(workspace, "titanic").version == 2
    assert Dataset.get_by_name(workspace, "titanic", "1").id == first.id
    assert Dataset.get_by_id(workspace, first.id).name == "titanic"
    assert list(workspace.datasets) == ["titanic"]
    assert workspace.datasets["titanic"].version == 2
    with pytest.raises(KeyError):
        workspace.datasets["nope"]


def test_the_same_definition_is_the_same_version(workspace: Workspace, table: Any) -> None:
    table.register(workspace, "t")
    assert table.register(workspace, "t", tags={"k": "v"}).version == 1
    assert table.register(workspace, "t", create_new_version=True).version == 1
    assert Dataset.get_by_name(workspace, "t").tags == {"k": "v"}


def test_a_name_that_is_taken(workspace: Workspace, table: Any) -> None:
    table.register(workspace, "t")
    with pytest.raises(UserErrorException, match=r"'t' already.*create_new_version=True"):
        table.take(1).register(workspace, "t")
    assert table.take(1).register(workspace, "t", create_new_version=True).version == 2


def test_what_does_not_exist(workspace: Workspace, table: Any) -> None:
    with pytest.raises(UserErrorException, match="'nope' does not exist"):
        Dataset.get_by_name(workspace, "nope")
    table.register(workspace, "t")
    with pytest.raises(UnknownDataset, match=r"'t' has no version 99; it has 1"):
        Dataset.get_by_name(workspace, "t", 99)
    for version in ("x", 0, 1.5, True):
        with pytest.raises(UserErrorException, match="is not a version"):
            Dataset.get_by_name(workspace, "t", version)
    with pytest.raises(UserErrorException, match="id 'nope' does not exist"):
        Dataset.get_by_id(workspace, "nope")


def test_tags_and_description(workspace: Workspace, table: Any) -> None:
    dataset = table.register(workspace, "t", tags={"a": "1"})
    dataset.add_tags({"b": 2})
    assert dataset.tags == {"a": "1", "b": "2"}
    dataset.remove_tags("a")
    dataset.update(description="new", tags={"c": "3"})
    again = Dataset.get_by_name(workspace, "t")
    assert (again.tags, again.description) == ({"c": "3"}, "new")
    with pytest.raises(UserErrorException, match="not registered"):
        table.add_tags({"a": "1"})


def test_unregister(workspace: Workspace, table: Any) -> None:
    dataset = table.register(workspace, "t")
    dataset.unregister_all_versions()
    assert list(workspace.datasets) == []
    with pytest.raises(UserErrorException, match="'t' does not exist"):
        Dataset.get_by_name(workspace, "t")
    assert table.register(workspace, "t").version == 2, "runs that read version 1 stay true"


def test_the_id_of_an_unregistered_data_set_still_finds_it(
    workspace: Workspace, table: Any
) -> None:
    dataset = table.register(workspace, "t")
    identity = dataset.id
    dataset.unregister_all_versions()
    again = Dataset.get_by_id(workspace, identity)
    assert (again.id, again.name, again.version) == (identity, None, None)
    assert again.to_pandas_dataframe().equals(table.to_pandas_dataframe())
    table.register(workspace, "t")
    assert Dataset.get_by_id(workspace, identity).version == 2


def test_a_seed_that_is_not_a_number_is_refused(table: Any) -> None:
    with pytest.raises(UserErrorException, match="seed='x' is not a whole number"):
        table.random_split(0.5, seed="x")


def test_processes_that_register_at_once(tracker: MemoryTracker) -> None:
    """Each gets a version of its own."""
    versions: list[int | None] = []
    barrier = threading.Barrier(8)

    def register(number: int) -> None:
        definition = Definition(kind="file", sources=(Source("store", f"{number}"),))
        barrier.wait()
        made = Registry(tracker).register(definition, "t", create_new_version=True)
        versions.append(made.version)

    threads = [threading.Thread(target=register, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(versions, key=lambda version: version or 0) == list(range(1, 9))


def test_local_files_are_uploaded_when_they_are_registered(
    workspace: Workspace, write: Write, folder: Path
) -> None:
    path = write("mine.csv", "a\n5\n")
    dataset = Dataset.Tabular.from_delimited_files(path).register(workspace, "t")
    path.unlink()
    assert dataset.to_pandas_dataframe()["a"].tolist() == [5]
    assert str(folder) not in json.dumps(
        [dict(run.properties) for run in runs_of(workspace)], default=str
    )
    write("mine.csv", "a\n5\n")
    again = Dataset.Tabular.from_delimited_files(path).register(workspace, "t")
    assert again.version == 1, "the same content"


def test_a_local_file_that_is_in_a_datastore_is_not_copied(
    workspace: Workspace, animals: Any, folder: Path
) -> None:
    place = folder / "amlflow-datastores/workspaceblobstore"
    dataset = Dataset.File.from_files(place / "animals/dog").register(workspace, "dogs")
    assert dataset.to_path() == ["/1.txt", "/2.txt"]
    assert not (place / "managed-dataset").exists()


def test_registering_what_is_not_there(workspace: Workspace) -> None:
    dataset = Dataset.File.from_files("nowhere", validate=False)
    with pytest.raises(DatasetExecutionError, match="nowhere"):
        dataset.register(workspace, "t")
    assert list(workspace.datasets) == []


def test_a_data_frame(workspace: Workspace, datastore: Any) -> None:
    frame = pd.DataFrame({"a": [1, 0], "s": ["x", None]})
    for version in (1, 2):
        dataset = Dataset.Tabular.register_pandas_dataframe(
            frame, (datastore, "frames"), "f", show_progress=False
        )
        assert dataset.version == version
    pd.testing.assert_frame_equal(Dataset.get_by_name(workspace, "f").to_pandas_dataframe(), frame)
    with pytest.raises(UserErrorException, match=r"needs a pandas\.DataFrame; dataframe is a list"):
        Dataset.Tabular.register_pandas_dataframe([1], datastore, "f")
    with pytest.raises(UserErrorException, match="cannot be stored as Parquet"):
        Dataset.Tabular.register_pandas_dataframe(
            pd.DataFrame({"a": [object()]}), datastore, "f", show_progress=False
        )


def test_a_long_definition(workspace: Workspace, animals: Any, folder: Path) -> None:
    paths = ["animals/dog/1.txt"] * 500
    Dataset.File.from_files((animals, paths)).register(workspace, "long")
    assert len(Dataset.get_by_name(workspace, "long").to_path()) == 500


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 300, 5])
def test_names_that_are_none(workspace: Workspace, table: Any, name: Any) -> None:
    with pytest.raises(UserErrorException, match="name"):
        table.register(workspace, name)


@pytest.mark.parametrize(
    "address",
    ["https://user:hunter2@host/x.csv", "https://host/x.csv?sv=1&sig=hunter2"],
)
def test_credentials_do_not_reach_the_tracker(workspace: Workspace, address: str) -> None:
    dataset = Dataset.Tabular.from_delimited_files(address, validate=False)
    with pytest.raises(UserErrorException, match="credential") as caught:
        dataset.register(workspace, "t")
    assert "hunter2" not in str(caught.value)


# what comes from a tracker


def runs_of(workspace: Workspace) -> list[Any]:
    from amlflow.core.store import tracker_of
    from amlflow.spec import RunQuery

    tracker = tracker_of(workspace)
    return list(
        tracker.find_runs(RunQuery(experiment_ids=[tracker.ensure_experiment(EXPERIMENT).id]))
    )


GOOD = json.loads(Definition(kind="file", sources=(Source("store", "a"),)).to_json())


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "table"},
        {"format": "pickle"},
        {"sources": []},
        {"sources": [[None, "/etc/passwd"]]},
        {"sources": [[None, "file:///etc/passwd"]]},
        {"sources": [["store", "../../etc/passwd"]]},
        {"sources": [["../store", "a"]]},
        {"sources": [["store", 5]]},
        {"options": {"shell": "rm"}},
        {"options": {"separator": 5}},
        {"steps": [["system", "rm"]]},
        {"steps": [["take", "x"]]},
        {"steps": [["take", 1, 2]]},
        {"steps": [[["take"], 1]]},
        {"steps": 5},
    ],
)
def test_definitions_that_somebody_else_wrote(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        parse_definition(json.dumps({**GOOD, **change}))


def test_a_registration_that_does_not_parse(workspace: Workspace, tracker: MemoryTracker) -> None:
    draft = RunDraft(
        experiment_id=tracker.ensure_experiment(EXPERIMENT).id,
        status=Status.COMPLETED,
        created=datetime.now(timezone.utc),
        properties={NAME: "evil", VERSION: "1", ID: "x", DEFINITION: "{"},
    )
    tracker.create_runs([draft])
    assert list(workspace.datasets) == []
    with pytest.raises(UserErrorException, match="cannot read"):
        Dataset.get_by_name(workspace, "evil")
