"""Data of scripts: what a configuration asks for, where data are put, and what is stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.runs.data_notes import InputDatasets, inputs_of
from amlflow.core.scripts.script_data import CollectedData, collect_data
from amlflow.core.workspace import Workspace
from amlflow.data.canceled import ProvidingCanceled
from amlflow.data.notes import parse_used
from amlflow.data.provide import Provided, keep, provide
from amlflow.data.script_data import ScriptData
from amlflow.data.storage import Datastores
from amlflow.exceptions import UserErrorException
from amlflow.jobs import launcher
from amlflow.jobs.agent.data import JobData
from amlflow.jobs.job import Job, JobFolder, Target
from amlflow.local_paths import UnsafeName
from amlflow.testing.memory import MemoryTracker
from amlflow.tracker_data import Malformed
from azureml.core import Dataset, RunConfiguration, ScriptRunConfig
from azureml.core.runconfig import Data, DataLocation, DataReferenceConfiguration
from azureml.core.runconfig import Dataset as RunDataset
from azureml.data import OutputFileDatasetConfig
from azureml.data.data_reference import DataReference

Write = Callable[..., Path]


@pytest.fixture
def files(datastore: Any, write: Write) -> Any:
    write("src/a.txt", "a")
    write("src/sub/b.txt", "b")
    datastore.upload("src", "in", show_progress=False)
    return Dataset.File.from_files((datastore, "in"))


def collect(workspace: Workspace, *arguments: Any, **settings: Any) -> CollectedData:
    configuration = RunConfiguration()
    for name, value in settings.items():
        setattr(configuration, name, value)
    config = ScriptRunConfig(".", "x.py", arguments=list(arguments), run_config=configuration)
    collected = collect_data(config, workspace)
    assert collected is not None
    # As a job keeps it.
    content = json.loads(json.dumps(collected.data.to_content()))
    assert ScriptData.from_content(content).to_content() == content
    return collected


def put(collected: CollectedData, cancelled: bool = False) -> Provided:
    stores = Datastores(collected.data.stores)
    return provide(collected.data, stores, Path("work"), Path("base"), lambda: cancelled)


def test_a_folder_of_links_or_copies(workspace: Workspace, files: Any) -> None:
    collected = collect(
        workspace,
        files.as_named_input("m").as_mount(),
        files.as_named_input("d").as_download(),
    )
    provided = put(collected)
    assert (Path("base/m/sub/b.txt").read_text(), Path("base/m/a.txt").is_symlink()) == ("b", True)
    assert (Path("base/d/sub/b.txt").read_text(), Path("base/d/a.txt").is_symlink()) == ("b", False)
    command = provided.fill(["x.py", "DatasetConsumptionConfig:m", "DatasetConsumptionConfig:d"])
    assert command == ["x.py", "base/m", "base/d"]
    assert provided.variables["m"] == "base/m"
    line = provided.fill(["sh", "-c", "cat DatasetConsumptionConfig:m/* > x"])
    assert line == ["sh", "-c", "cat base/m/* > x"]


def test_the_path_of_a_single_file(workspace: Workspace, datastore: Any, files: Any) -> None:
    single = Dataset.File.from_files((datastore, "in/sub/b.txt"))
    provided = put(collect(workspace, single.as_named_input("s").as_mount()))
    assert provided.variables["s"] == "base/s/b.txt"
    folder = Dataset.File.from_files((datastore, "in/sub"))
    provided = put(collect(workspace, folder.as_named_input("f").as_mount()))
    assert provided.variables["f"] == "base/f"


def test_a_path_names_no_variables(workspace: Workspace, datastore: Any, write: Write) -> None:
    write("src/a$HOME.txt", "a")
    datastore.upload("src", "in", show_progress=False)
    single = Dataset.File.from_files((datastore, "in/a$HOME.txt"))
    provided = put(collect(workspace, single.as_named_input("s").as_mount()))
    command = provided.fill(["x.py", "DatasetConsumptionConfig:s", "$HOME"], is_script=True)
    assert launcher.expand(command, {**provided.variables, "HOME": "/root"}) == [
        "x.py", "base/s/a$HOME.txt", "/root",
    ]  # fmt: skip


def test_a_script_that_was_submitted_by_one_with_inputs(workspace: Workspace, files: Any) -> None:
    """It has inherited that script's variables."""
    content = collect(workspace, files.as_named_input("s").as_mount()).data.to_content()
    inherited = {"AMLFLOW_INPUT_DATASETS": '{"other": {}}', "s": "mine"}
    job = Job(
        name="0" * 32, run_id="1", tracking_uri="memory:",
        target=Target(name="local", kind="local"), command=["x.py"], is_script=True,
        environ=inherited, environment={}, agent_python="python", data=content,
    )  # fmt: skip
    folder = JobFolder(job.name, Path("jobs"))
    environment = JobData(job, folder).provide(job.work(folder), lambda: False).environment
    assert [*json.loads(environment["AMLFLOW_INPUT_DATASETS"])] == ["s"]
    assert "s" not in environment


def test_stated_folders(workspace: Workspace, files: Any, folder: Path) -> None:
    provided = put(
        collect(
            workspace,
            files.as_named_input("r").as_download("in/here"),
            files.as_named_input("a").as_download(str(folder / "absolute")),
        )
    )
    assert provided.variables["r"] == "work/in/here"
    assert (folder / "absolute/a.txt").exists()
    with pytest.raises(UserErrorException, match="something is there already"):
        put(collect(workspace, files.as_named_input("a").as_mount(str(folder / "absolute"))))
    with pytest.raises(UnsafeName):
        put(collect(workspace, files.as_named_input("o").as_mount("../out")))


def test_a_run_that_is_cancelled_meanwhile(workspace: Workspace, files: Any) -> None:
    with pytest.raises(ProvidingCanceled):
        put(collect(workspace, files.as_download()), cancelled=True)


def test_a_table(workspace: Workspace, datastore: Any, write: Write) -> None:
    datastore.upload_files([write("t.csv", "a\n5\n")], show_progress=False)
    table = Dataset.Tabular.from_delimited_files((datastore, "t.csv"))
    collected = collect(workspace, table.as_named_input("t"))
    provided = put(collected)
    assert provided.fill(["DatasetConsumptionConfig:t"]) == [table.id]
    assert Dataset.get_by_id(workspace, table.id).to_pandas_dataframe()["a"].tolist() == [5]
    with pytest.raises(UserErrorException, match="is a table, which has no path"):
        collect(workspace, table.as_named_input("t").as_mount())
    with pytest.raises(UserErrorException, match=r"needs a name: pass dataset\.as_named_input"):
        ScriptRunConfig(".", "x.py", arguments=[table])


def test_data_in_v1s_own_words(workspace: Workspace, datastore: Any, files: Any) -> None:
    registered = files.register(workspace, "files")
    by_id = Data(
        DataLocation(RunDataset(dataset_id=registered.id)),
        mechanism="download",
        environment_variable_name="BY_ID",
    )
    by_name = Data(DataLocation(RunDataset(dataset_name="files")), mechanism="mount")
    reference = DataReferenceConfiguration(datastore.name, "download", "in/sub")
    data, references = {"a": by_id, "b": by_name}, {"c": reference}
    provided = put(collect(workspace, data=data, data_references=references))
    assert Path(provided.variables["BY_ID"], "a.txt").read_text() == "a"
    assert Path(provided.variables["b"], "sub/b.txt").read_text() == "b"
    assert Path(provided.variables["AZUREML_DATAREFERENCE_c"], "b.txt").read_text() == "b"
    assert "a" not in provided.variables


def test_data_that_is_made_from_an_input(workspace: Workspace, files: Any) -> None:
    with pytest.raises(UserErrorException, match=r"'made' has no id.*dataset\.register"):
        Data.create(files.as_named_input("made"))
    with pytest.raises(UserErrorException, match="Data is made from an input"):
        Data.create(files)
    registered = files.register(workspace, "files")
    data = Data.create(registered.as_named_input("made").as_download())
    provided = put(collect(workspace, data={"a": data}))
    assert Path(provided.variables["made"], "a.txt").read_text() == "a"


def test_data_in_v1s_own_words_that_is_not_there(workspace: Workspace) -> None:
    for entry, message in (
        (Data(), r"data\['x'\] names no data set"),
        (Data(DataLocation(RunDataset(dataset_id="7"))), "'7' does not exist"),
        (Data(DataLocation(uri="https://x.org/a")), "names no data set"),
        (
            Data(DataLocation(RunDataset(dataset_id="7"), data_path="a", uri="https://x.org/a")),
            r"data\['x'\] has dataset and data_path and uri\. It must be one place",
        ),
    ):
        with pytest.raises(UserErrorException, match=message):
            collect(workspace, data={"x": entry})
    reference = DataReferenceConfiguration("nowhere")
    with pytest.raises(UserErrorException, match="Could not find datastore 'nowhere'"):
        collect(workspace, data_references={"x": reference})


def test_an_input_of_a_script_in_a_file(workspace: Workspace, files: Any, folder: Path) -> None:
    configuration = RunConfiguration()
    configuration.data = {"x": files.as_named_input("x").as_mount()}
    with pytest.raises(UserErrorException, match="has no id yet"):
        configuration.save(folder, "job")
    files.register(workspace, "files")
    registered = Dataset.get_by_name(workspace, "files")
    configuration.data = {"x": registered.as_named_input("x").as_mount()}
    configuration.save(folder, "job")
    loaded = RunConfiguration.load(folder, "job")
    assert Path(put(collect(workspace, data=loaded.data)).variables["x"], "a.txt").exists()


def test_two_inputs_of_one_name(workspace: Workspace, files: Any) -> None:
    same = files.as_named_input("x").as_mount()
    assert len(collect(workspace, same, same).data.inputs) == 1
    with pytest.raises(UserErrorException, match="have the name 'x'"):
        collect(workspace, same, files.as_named_input("x").as_download())


def test_references(workspace: Workspace, datastore: Any, files: Any) -> None:
    reference = DataReference(datastore, "ref", "in")
    upload = datastore.path("kept", "up").as_upload()
    collected = collect(
        workspace,
        str(reference),
        upload,
        data_references={"ref": reference.to_config()},
        data={"more": files.as_named_input("more").as_mount()},
    )
    provided = put(collected)
    assert provided.fill(["$AZUREML_DATAREFERENCE_ref"]) == ["base/ref"]
    assert provided.variables["AZUREML_DATAREFERENCE_ref"] == "base/ref"
    assert Path("base/more/a.txt").exists()
    Path(provided.outputs["up"], "new.txt").write_text("1")
    keep_all(collected, provided, MemoryTracker())
    assert Dataset.File.from_files((datastore, "kept")).to_path() == ["/new.txt"]


def keep_all(
    collected: CollectedData, provided: Provided, tracker: MemoryTracker, completed: bool = True
) -> Mapping[str, Any]:
    stores = Datastores(collected.data.stores)
    return keep(collected.data, provided.outputs, stores, lambda: tracker, "run-1", completed)


def write_output(workspace: Workspace, output: Any) -> tuple[CollectedData, Provided]:
    collected = collect(workspace, output)
    provided = put(collected)
    folder = provided.outputs[output.name]
    (folder / "sub").mkdir()
    (folder / "a.csv").write_text("v\n7\n")
    (folder / "sub/b.log").write_text("b")
    (folder / "secret").symlink_to("/etc/passwd")
    return collected, provided


def test_outputs(workspace: Workspace, datastore: Any, tracker: MemoryTracker) -> None:
    output = OutputFileDatasetConfig("o", (datastore, "{run-id}/{output-name}"))
    output = output.register_on_complete("result", description="d", tags={"k": 1})
    registered = keep_all(*write_output(workspace, output), tracker)
    assert registered["o"].writer == "run-1"
    dataset = Dataset.get_by_name(workspace, "result")
    assert (dataset.to_path(), dataset.tags) == (["/a.csv", "/sub/b.log"], {"k": "1"})
    assert str(dataset).startswith("FileDataset(source=['workspaceblobstore/run-1/o']")


def test_outputs_of_a_run_that_failed(
    workspace: Workspace, datastore: Any, tracker: MemoryTracker
) -> None:
    mounted = OutputFileDatasetConfig("m", (datastore, "m")).register_on_complete("m")
    assert keep_all(*write_output(workspace, mounted), tracker, completed=False) == {}
    uploaded = OutputFileDatasetConfig("u", (datastore, "u")).as_upload()
    assert keep_all(*write_output(workspace, uploaded), tracker, completed=False) == {}
    assert Dataset.File.from_files((datastore, "")).to_path() == ["/m/a.csv", "/m/sub/b.log"]
    assert list(workspace.datasets) == []


def test_an_output_that_is_a_table(
    workspace: Workspace, datastore: Any, tracker: MemoryTracker
) -> None:
    output = OutputFileDatasetConfig("o", (datastore, "o")).as_upload(source_globs="*.csv")
    table = output.register_on_complete("t").read_delimited_files(path_glob="*.csv")
    keep_all(*write_output(workspace, table.keep_columns("v")), tracker)
    assert Dataset.get_by_name(workspace, "t").to_pandas_dataframe()["v"].tolist() == [7]
    assert Dataset.File.from_files((datastore, "")).to_path() == ["/o/a.csv"]


def test_what_is_not_an_output(datastore: Any) -> None:
    for wrong in ({"name": "a b"}, {"destination": "folder"}, {"destination": (1, "x")}):
        with pytest.raises(UserErrorException):
            OutputFileDatasetConfig(**wrong)  # type: ignore[arg-type]
    with pytest.raises(UserErrorException, match="pipeline"):
        OutputFileDatasetConfig().as_input()


# inside of a script


def test_inputs_of_a_script(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    content = {"m": {"mode": "mount", "value": "/data/m"}}
    monkeypatch.setenv("AMLFLOW_INPUT_DATASETS", json.dumps(content))
    inputs = InputDatasets(workspace)
    assert (dict(inputs), len(inputs), "m" in inputs) == ({"m": "/data/m"}, 1, True)
    for error in (UserErrorException, KeyError):
        with pytest.raises(error, match=r"no input 'x'; it has \['m'\]"):
            inputs["x"]
    monkeypatch.delenv("AMLFLOW_INPUT_DATASETS")
    assert dict(InputDatasets(workspace)) == {}


@pytest.mark.parametrize(
    "text",
    ["{}", "[1]", '[{"name": 5}]', '[{"version": "x"}]', '[{"version": true}]', "[" + "{}," * 200],
)
def test_notes_that_somebody_else_wrote(text: str) -> None:
    with pytest.raises(Malformed):
        parse_used(text)


def test_notes_of_a_run(workspace: Workspace, files: Any, tracker: MemoryTracker) -> None:
    from datetime import datetime, timezone

    from amlflow.spec import RunDraft

    collected = collect(workspace, files.register(workspace, "f").as_named_input("x").as_mount())
    draft = RunDraft(
        experiment_id=tracker.ensure_experiment("e").id,
        created=datetime.now(timezone.utc),
        system={**collected.notes, "input.broken": "{"},
    )
    [record] = tracker.create_runs([draft])
    [item] = inputs_of(record)
    assert item["dataset"]["name"] == "f"
    assert item["consumptionDetails"]["inputName"] == "x"
