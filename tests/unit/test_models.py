"""Models as v1 code sees them: registered, found and changed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from amlflow import plugins
from amlflow.core.experiment import Experiment
from amlflow.core.models.model import Model
from amlflow.core.models.registration import LocalModelNotFound
from amlflow.core.models.resource_configuration import ResourceConfiguration
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from amlflow.exceptions import (
    ModelPathNotFoundException,
    UserErrorException,
    WebserviceException,
)
from amlflow.spec import (
    ModelChange,
    ModelNotFound,
    PropertyConflict,
    Refused,
    RunQuery,
    Status,
    Unavailable,
)
from azureml.core import Dataset
from helpers.model_workspaces import URI, Data, register, run, workspace, write
from helpers.tracker_without_features import BareTracker

__all__ = ["run", "workspace"]


# registering


def test_a_local_file_becomes_the_next_version(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    model = register(
        workspace, tags={"area": "diabetes", 1: 0.5}, properties={"author": "me"},
        description="A text.", model_framework=Model.Framework.SCIKITLEARN,
        model_framework_version="1.4", datasets=[(Dataset.Scenario.TRAINING, Data("id-1"))],
        sample_input_dataset=Data("id-2"),
        resource_configuration=ResourceConfiguration(cpu=1, memory_in_gb=0.5),
    )  # fmt: skip
    assert capsys.readouterr().out == "Registering model my-model\n"
    for each in (model, Model(workspace, "my-model"), Model(workspace, id="my-model:1")):
        assert (each.name, each.version, each.id) == ("my-model", 1, "my-model:1")
        assert each.tags == {"area": "diabetes", "1": "0.5"}
        assert (each.properties, each.description) == ({"author": "me"}, "A text.")
        assert (each.model_framework, each.model_framework_version) == ("ScikitLearn", "1.4")
        payload = each.serialize()
        assert payload["datasets"] == [{"name": "training", "id": "id-1"}]
        assert payload["sampleInputDatasetId"] == "id-2"
        # They do not exist in this workspace.
        assert (each.datasets, each.sample_input_dataset) == ({}, None)
        resources = each.resource_configuration
        assert resources is not None
        assert resources.serialize() == {"cpu": 1, "memoryInGB": 0.5, "gpu": None}
        assert (each.run, each.run_id, each.experiment_name) == (None, None, None)
        assert (each.unpack, each.mime_type) == (False, "application/json")
        assert each.created_by == {"userName": "somebody"}
        assert each.workspace is workspace
    assert register(workspace).version == 2
    assert register(workspace, "other").version == 1


def test_a_folder_and_some_of_its_files(workspace: Workspace) -> None:
    for name in ("a", "sub/b", "sub/c", "no"):
        write(f"net/{name}", name)
    whole = Model.register(workspace, "net/", "net")
    some = Model.register(workspace, "./net", "net", child_paths=["a", "sub"])
    assert Path(whole.download("whole")) == Path("whole/net")
    assert Path(some.download("some")) == Path("some/net")
    files = [sorted(p.name for p in Path(f).rglob("*") if p.is_file()) for f in ("whole", "some")]
    assert files == [["a", "b", "c", "no"], ["a", "b", "c"]]
    assert Path("some/net/sub/b").read_text() == "sub/b"


def test_a_folder_whose_files_are_links_elsewhere(workspace: Workspace) -> None:
    """As the cache of Hugging Face has them."""
    write("blobs/x", "weights")
    Path("snapshot").mkdir()
    Path("snapshot/model.bin").symlink_to("../blobs/x")
    Path("snapshot/config.json").write_text("{}")
    path = Model.register(workspace, "snapshot", "m").download("back")
    assert Path(path, "model.bin").read_text() == "weights"


def test_a_folder_called_as_amlflows_own(workspace: Workspace) -> None:
    write("amlflow/a")
    write("amlflow/b")
    path = Model.register(workspace, "amlflow", "m").download("back")
    assert sorted(os.listdir(path)) == ["a", "b"]


def test_a_file_of_a_run(workspace: Workspace, run: Run) -> None:
    run.upload_file("outputs/model.pkl", write("model.pkl"))
    run.upload_file("outputs/net/a", write("model.pkl"))
    model = run.register_model(
        "my-model", "outputs/model.pkl", tags={"a": "b"}, properties={"p": "q"},
        model_framework="Onnx", description="text", sample_output_dataset=Data("id"),
    )  # fmt: skip
    assert type(model) is Model
    assert (model.version, model.run_id, model.experiment_name) == (1, run.id, "training")
    assert model.run.id == run.id
    assert (model.tags, model.properties, model.description) == ({"a": "b"}, {"p": "q"}, "text")
    assert model.model_framework == "Onnx"
    assert model.serialize()["sampleOutputDatasetId"] == "id"
    assert run.register_model("my-model", model_path="./outputs/net/").version == 2
    assert [m.version for m in Model.list(workspace, run_id=run.id)] == [2, 1]
    assert Model.list(workspace, run_id="never") == []
    run.upload_file("named", write("model.pkl"))
    assert run.register_model("named").download("x") == os.path.join("x", "named")


def test_the_id_of_a_run_is_the_one_that_users_see(workspace: Workspace) -> None:
    run = Experiment(workspace, "e").start_logging(run_id="my-run", snapshot_directory=None)
    run.upload_file("m", write("model.pkl"))
    assert run.register_model("m").run_id == Model(workspace, "m").run_id == "my-run"
    assert [model.id for model in Model.list(workspace, run_id="my-run")] == ["m:1"]


# what is wrong


@pytest.mark.parametrize("name", ["", "a b", "-a", "a/b", "a:1", "x" * 256, 5, None])
def test_a_name_that_is_none(workspace: Workspace, run: Run, name: Any) -> None:
    write("model.pkl")
    run.upload_file("f", "model.pkl")
    for call in (
        lambda: Model.register(workspace, "model.pkl", name),
        lambda: run.register_model(name, "f"),
    ):
        with pytest.raises(WebserviceException, match="is not a valid name for a model"):
            call()
    assert Model.list(workspace) == []


def test_a_path_that_is_not_there(workspace: Workspace, run: Run) -> None:
    for error in (LocalModelNotFound, WebserviceException, FileNotFoundError):
        with pytest.raises(error, match=r"'nowhere\.pkl' does not exist"):
            Model.register(workspace, "nowhere.pkl", "m")
    write("net/a")
    with pytest.raises(LocalModelNotFound, match="child path 'b'"):
        Model.register(workspace, "net", "m", child_paths=["a", "b"])
    with pytest.raises(WebserviceException, match="is not below"):
        Model.register(workspace, "net", "m", child_paths=["../model.pkl"])
    Path("net/link").symlink_to("gone")
    with pytest.raises(LocalModelNotFound, match="a link to a file that does not exist"):
        Model.register(workspace, "net", "m")
    Path("empty").mkdir()
    with pytest.raises(WebserviceException, match="has no files"):
        Model.register(workspace, "empty", "m")
    with pytest.raises(WebserviceException, match="must be a path"):
        Model.register(workspace, None, "m")  # type: ignore[arg-type]
    with pytest.raises(ModelPathNotFoundException, match="'nowhere'"):
        run.register_model("m", model_path="nowhere")
    assert Model.list(workspace) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tags": ["a"]}, "Tags must be a dict"),
        ({"properties": "a"}, "Properties must be a dict"),
        ({"model_framework_version": "1"}, "needs a model_framework"),
        ({"datasets": ["x"]}, "list of pairs"),
        ({"datasets": [("training", 5)]}, "Invalid dataset of type int"),
        ({"sample_input_dataset": "data"}, "Invalid dataset of type str"),
        ({"resource_configuration": {"cpu": 1}}, "must be a ResourceConfiguration"),
        (
            {"resource_configuration": ResourceConfiguration(cpu=-1)},
            "cpu=-1 is not a number above zero",
        ),
        ({"resource_configuration": ResourceConfiguration(gpu=0.5)}, "whole number of GPUs"),  # type: ignore[arg-type]
    ],
)
def test_arguments_that_are_wrong(
    workspace: Workspace, run: Run, arguments: dict[str, Any], message: str
) -> None:
    run.upload_file("m", write("model.pkl"))
    for call in (
        lambda: register(workspace, **arguments),
        lambda: run.register_model("m", **arguments),
    ):
        with pytest.raises(WebserviceException, match=message):
            call()
    assert Model.list(workspace) == []


@pytest.mark.parametrize("error", [Unavailable("cut off"), KeyboardInterrupt()])
def test_an_upload_that_breaks_off(
    workspace: Workspace, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = plugins.open_tracker(URI)

    def stop(*args: Any, **kwargs: Any) -> None:
        raise error

    with monkeypatch.context() as patch:
        if isinstance(tracker, BareTracker):
            patch.setattr(BareTracker, "put_files", stop)
        else:
            patch.setattr(Path, "read_bytes", stop)
        with pytest.raises(type(error)):
            register(workspace)
    assert Model.list(workspace) == []
    assert dict(workspace.models) == {}
    assert list(workspace.experiments) == []
    if isinstance(tracker, BareTracker):
        [experiment] = tracker.list_experiments()
        [run] = tracker.find_runs(RunQuery(experiment_ids=[experiment.id]))
        assert run.status is Status.FAILED, "it has no files that a version names"
    assert Path(register(workspace).download("again")).read_text() == "content"
    assert Model(workspace, "my-model").version == 1


# finding


def test_a_model_that_is_not_there(workspace: Workspace) -> None:
    register(workspace, tags={"a": "b"})
    for arguments in (
        {"name": "never"}, {"id": "my-model:99"}, {"id": "my-model"}, {"id": "x:y"},
        {"name": "my-model", "version": 99}, {"name": "my-model", "version": "one"},
        {"name": "my-model", "tags": ["c"]}, {"name": "my-model", "properties": [["p", "q"]]},
        {"name": "my-model", "run_id": "never"}, {"name": "my-model", "model_framework": "Onnx"},
        {"name": "my-model", "version": -1}, {"name": "my-model", "version": 10**40},
    ):  # fmt: skip
        with pytest.raises(WebserviceException) as error:
            Model(workspace, **arguments)
        assert error.value.message.startswith("ModelNotFound: Model with ")
        assert error.value.message.count("not found in provided workspace") == 1
        for value in arguments.values():
            assert str(value if isinstance(value, (str, int)) else "") in error.value.message
        assert error.value.status_code == 404
    with pytest.raises(WebserviceException, match="one of id or name must be provided"):
        Model(workspace)
    with pytest.raises(UserErrorException, match="is a Workspace"):
        Model("workspace", "my-model")  # type: ignore[arg-type]


def test_which_version(workspace: Workspace) -> None:
    register(workspace, tags={"stage": "production"}, properties={"p": "1"})
    register(workspace, tags={"stage": "test"})
    register(workspace, model_framework="Onnx")
    register(workspace, "other")
    latest = Model(workspace, "my-model")
    assert (latest.version, Model(workspace, name="my-model", version=2).version) == (3, 2)
    assert Model(workspace, "my-model", version="1").version == 1  # type: ignore[arg-type]
    assert Model(workspace, "my-model", tags=[["stage", "production"]]).version == 1
    assert Model(workspace, "my-model", tags=["stage"]).version == 2
    assert Model(workspace, "my-model", properties=["p"]).version == 1
    assert Model(workspace, "my-model", model_framework="Onnx").version == 3
    assert Model(workspace, "my-model", tags=["never"], version=2).version == 2


def test_lists(workspace: Workspace) -> None:
    for stage in ("production", "test", "test"):
        register(workspace, tags={"stage": stage}, datasets=[("training", Data(stage))])
    register(workspace, "other", tags={"stage": "production"})

    def ids(**arguments: Any) -> list[str]:
        return [model.id for model in Model.list(workspace, **arguments)]

    assert ids() == ["other:1", "my-model:3", "my-model:2", "my-model:1"]
    assert ids(name="my-model") == ["my-model:3", "my-model:2", "my-model:1"]
    assert ids(latest=True) == ["other:1", "my-model:3"]
    assert ids(tags=[["stage", "production"]]) == ["other:1", "my-model:1"]
    assert ids(tags=["stage"], latest=True, name="my-model") == ["my-model:3"]
    assert ids(tags=[["stage", "production"]], latest=True) == ["other:1", "my-model:1"]
    assert ids(dataset_id="production") == ["my-model:1"]
    assert {name: model.id for name, model in workspace.models.items()} == {
        "other": "other:1", "my-model": "my-model:3",
    }  # fmt: skip
    for arguments, message in (
        ({"tags": "stage"}, "tags must be a list"), ({"tags": {"a": "b"}}, "tags must be a list"),
        ({"tags": [5]}, "has the item 5"), ({"page_count": 5}, "20 to 255"),
    ):  # fmt: skip
        with pytest.raises(UserErrorException, match=message):
            Model.list(workspace, **arguments)  # type: ignore[arg-type]


# changing


def test_tags_and_the_description_change(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    model = register(workspace, tags={"a": "1", "b": "2"}, description="old")
    other = Model(workspace, "my-model")
    model.add_tags({"c": 3})  # type: ignore[dict-item]
    model.remove_tags(["a", "never"])
    assert capsys.readouterr().out.splitlines()[1:] == [
        "Model tag add operation complete.",
        "Tag with key never not found.",
        "Model tag remove operation complete.",
    ]
    assert model.tags == Model(workspace, "my-model").tags == {"b": "2", "c": "3"}
    other.update(tags={"d": "4"}, description="new")  # removes the one that it has not seen
    assert Model(workspace, "my-model").tags == {"d": "4"}
    other.update(description="")
    other.update(
        resource_configuration=ResourceConfiguration(gpu=1), sample_input_dataset=Data("i")
    )
    again = Model(workspace, "my-model")
    assert (again.description, again.tags) == ("new", {"d": "4"})
    assert again.serialize()["sampleInputDatasetId"] == "i"
    assert again.resource_configuration is not None
    assert again.resource_configuration.gpu == 1
    model.add_dataset_references([("training", Data("1"))])
    other.add_dataset_references([("training", Data("2")), ("test", Data("1"))])
    entries = Model(workspace, "my-model").serialize()["datasets"]
    assert sorted((entry["name"], entry["id"]) for entry in entries) == [
        ("test", "1"), ("training", "1"), ("training", "2"),
    ]  # fmt: skip


def test_properties_stay(workspace: Workspace) -> None:
    model = register(workspace, properties={"author": "me"})
    model.add_properties({"later": 1})  # type: ignore[dict-item]
    model.add_properties({"later": "1"})
    with pytest.raises(PropertyConflict, match="'author'"):
        model.update_tags_properties(add_tags={"t": "x"}, add_properties={"author": "you"})
    again = Model(workspace, "my-model")
    assert (again.properties, again.tags) == ({"author": "me", "later": "1"}, {})
    assert model.properties == again.properties


def test_a_version_is_deleted(workspace: Workspace) -> None:
    first, second = register(workspace), register(workspace)
    second.delete()
    assert Model(workspace, "my-model").version == 1
    for call in (second.delete, lambda: second.add_tags({"a": "b"}), second.download):
        with pytest.raises(ModelNotFound, match="version 2"):
            call()
    assert register(workspace).version == 3
    assert first.download("x") == os.path.join("x", "model.pkl")


def test_what_is_read_is_a_copy(workspace: Workspace) -> None:
    model = register(workspace, tags={"a": "b"})
    model.tags["c"] = "d"
    assert model.tags == {"a": "b"}
    with pytest.raises(AttributeError):
        model.version = 5  # type: ignore[misc]


def test_notes_that_somebody_has_edited(workspace: Workspace) -> None:
    register(workspace)
    tracker = workspace._store.tracker
    for resources in ("{", '{"cpu": 1}', '{"cpu": "x", "memoryInGB": 1, "gpu": 0}', "[]"):
        notes = {"resources": resources, "dataset_x": "[1]", "framework": "x" * 1000, "run": ""}
        tracker.update_model("my-model", 1, ModelChange(system=notes))
        model = Model(workspace, "my-model")
        assert (model.resource_configuration, model.datasets, model.model_framework) == (
            None, {}, None,
        )  # fmt: skip
        json.dumps(model.serialize())


def test_a_tracker_that_refuses_a_draft_keeps_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(workspace)
    tracker = type(plugins.open_tracker(URI))

    def refuse(*arguments: Any) -> None:
        raise Refused("too long")

    name = "create_runs" if tracker is BareTracker else "register_model"
    monkeypatch.setattr(tracker, name, refuse)
    with pytest.raises(Refused):
        register(workspace)
    assert [model.version for model in Model.list(workspace)] == [1]
