"""For an argument in the wrong place, the error shows the right call, and nothing is recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run, get_run
from amlflow.core.workspace import Workspace
from amlflow.exceptions import AzureMLException, UserErrorException
from azureml.core import ComputeTarget, Environment, RunConfiguration, ScriptRunConfig

Call = Callable[[Workspace, Experiment, Run], Any]

CALLS: list[tuple[str, Call, str]] = [
    # the run's files
    ("file swapped", lambda w, e, r: r.upload_file("here.txt", "outputs/there.txt"),
     "run.upload_file(name, path_or_stream)"),
    ("file is a folder", lambda w, e, r: r.upload_file("f", "src"), "run.upload_folder("),
    ("file of nothing", lambda w, e, r: r.upload_file("f", None), "path or a stream"),
    ("files of a text", lambda w, e, r: r.upload_files("here.txt", "here.txt"),
     "run.upload_files(names=["),
    ("files of a dict", lambda w, e, r: r.upload_files({"a": "here.txt"}, None), "paths=["),
    ("folder swapped", lambda w, e, r: r.upload_folder("src", "in/the/run"),
     "run.upload_folder(name, path)"),
    ("folder of nothing", lambda w, e, r: r.upload_folder("src", None), "run.upload_folder("),
    ("folder without name", lambda w, e, r: r.upload_folder(Path("src"), "src"), "upload_folder("),
    ("download of a list", lambda w, e, r: r.download_file(["a"]), "run.download_file(name"),
    ("download to a number", lambda w, e, r: r.download_file("a", 5), "output_file_path"),
    ("downloads of a list", lambda w, e, r: r.download_files(["a"]), "run.download_files(prefix"),
    ("snapshot", lambda w, e, r: r.take_snapshot(None), "run.take_snapshot("),
    ("model", lambda w, e, r: r.register_model("m", 5), "run.register_model(model_name"),
    # metrics
    ("value first", lambda w, e, r: r.log(0.5, "loss"), "run.log(name, value)"),
    ("list first", lambda w, e, r: r.log_list([1], "m"), "The name comes first"),
    ("document first", lambda w, e, r: r.log_residuals({}, "m"), "The name comes first"),
    ("scalar as list", lambda w, e, r: r.log_list("m", 5), "run.log()"),
    ("list as scalar", lambda w, e, r: r.log("m", [5]), "run.log_list()"),
    ("dict as row", lambda w, e, r: r.log_row("m", {"x": 1}), "log_row('m', x=1, y=2)"),
    ("metric of a list", lambda w, e, r: r.get_metrics(["a"]), "run.get_metrics(name"),
    ("recursive first", lambda w, e, r: r.get_metrics(True), "recursive=True"),
    # tags and properties
    ("tag of a dict", lambda w, e, r: r.tag({"a": 1}), "run.set_tags("),
    ("tag of the experiment", lambda w, e, r: e.tag({"a": 1}), "experiment.tag(key, value)"),
    ("tags of a list", lambda w, e, r: r.set_tags(["a"]), "set_tags takes a dict"),
    ("properties of a list", lambda w, e, r: r.add_properties(["a"]), "takes a dict"),
    ("no tags to remove", lambda w, e, r: r.remove_tags(None), "run.remove_tags(['key'])"),
    ("numbers to remove", lambda w, e, r: r.remove_tags([5]), "run.remove_tags(['key'])"),
    ("tag to remove", lambda w, e, r: e.remove_tags(5), "experiment.remove_tags(['key'])"),
    # runs
    ("child by count", lambda w, e, r: r.child_run(3), "run.create_children(count)"),
    ("child of a list", lambda w, e, r: r.child_run(["a"]), "run.child_run(name)"),
    ("children by text", lambda w, e, r: r.create_children("5"), "whole number"),
    ("children by a number", lambda w, e, r: r.create_children(tag_key="k", tag_values=5),
     "run.create_children(tag_key='fold'"),
    ("children by a text", lambda w, e, r: r.create_children(tag_key="k", tag_values="abc"),
     "run.create_children(tag_key='fold'"),
    ("children swapped", lambda w, e, r: r.create_children(tag_key=[1], tag_values="k"),
     "tag_key is a text"),
    ("run of a workspace", lambda w, e, r: Run(w, r.id), "Run(experiment, run_id)"),
    ("run swapped", lambda w, e, r: Run(r.id, e), "Run(experiment, run_id)"),
    ("run of a run", lambda w, e, r: Run(e, r), "Run(experiment, run_id)"),
    ("get swapped", lambda w, e, r: Run.get(r.id, w), "Run.get(workspace, run_id)"),
    ("get of an experiment", lambda w, e, r: Run.get(e, r.id), "Run.get(workspace, run_id)"),
    ("get_run swapped", lambda w, e, r: get_run(r.id, e), "(experiment, run_id)"),
    ("get_run of a run", lambda w, e, r: w.get_run(r), "workspace.get_run(run_id)"),
    ("get_run of nothing", lambda w, e, r: w.get_run(None), "workspace.get_run(run_id)"),
    ("list of a workspace", lambda w, e, r: Run.list(w), "Run.list(experiment)"),
    ("tags as type", lambda w, e, r: e.get_runs({"a": 1}), "tags={"),
    ("name is a number", lambda w, e, r: e.start_logging(5), "experiment.start_logging(name="),
    ("snapshot is a number", lambda w, e, r: e.start_logging(snapshot_directory=5),
     "snapshot_directory="),
    # experiments and workspaces
    ("experiment swapped", lambda w, e, r: Experiment("x", w), "Experiment(workspace, name)"),
    ("experiments of a name", lambda w, e, r: Experiment.list("x"), "Experiment.list(workspace)"),
    ("delete swapped", lambda w, e, r: Experiment.delete("1", w), "(workspace, experiment_id)"),
    ("workspace of a workspace", lambda w, e, r: Workspace.get(w), "Workspace.get(name)"),
    ("create", lambda w, e, r: Workspace.create(5), "Workspace.create(name)"),
    ("config of a dict", lambda w, e, r: Workspace.from_config({"a": 1}), "from_config(path)"),
    ("config to a number", lambda w, e, r: w.write_config(5), "workspace.write_config(path="),
    ("target swapped", lambda w, e, r: ComputeTarget("local", w), "ComputeTarget(workspace, name)"),
    ("environment", lambda w, e, r: Environment(w), "Environment(name)"),
    # what to submit
    ("submit a script", lambda w, e, r: e.submit("train.py"), "ScriptRunConfig(source_directory="),
    ("submit the class", lambda w, e, r: e.submit(ScriptRunConfig), "ScriptRunConfig(source_dir"),
    ("child of a script", lambda w, e, r: r.submit_child("train.py"), "ScriptRunConfig(source_dir"),
    ("script is a number", lambda w, e, r: ScriptRunConfig("src", 5), "script='train.py'"),
    ("script is a folder", lambda w, e, r: e.submit(ScriptRunConfig(".", "src")), "is a folder"),
    ("script as folder", lambda w, e, r: e.submit(ScriptRunConfig("here.txt", "x.py")),
     "source_directory"),
    ("target as run_config", lambda w, e, r: ScriptRunConfig("src", "x.py", run_config="local"),
     "run_config=RunConfiguration()"),
    ("environment as run_config",
     lambda w, e, r: ScriptRunConfig("src", "x.py", run_config=Environment("x")),
     "run_config=RunConfiguration()"),
    ("environment by name", lambda w, e, r: ScriptRunConfig("src", "x.py", environment="env"),
     "environment=Environment('name')"),
    ("run_config as environment",
     lambda w, e, r: ScriptRunConfig("src", "x.py", environment=RunConfiguration()),
     "environment=Environment('name')"),
    ("docker", lambda w, e, r: ScriptRunConfig("src", "x.py", docker_runtime_config=True),
     "DockerConfiguration(use_docker=True)"),
    ("workspace as target", lambda w, e, r: ScriptRunConfig("src", "x.py", compute_target=w),
     "compute_target='local'"),
]  # fmt: skip


@pytest.fixture
def inputs(folder: Path) -> None:
    (folder / "here.txt").write_text("x")
    (folder / "src").mkdir()
    (folder / "src" / "x.py").write_text("pass")


@pytest.mark.usefixtures("inputs")
def test_every_argument_in_the_wrong_place(
    workspace: Workspace, experiment: Experiment, run: Run
) -> None:
    for what, call, right in CALLS:
        error: BaseException | None = None
        try:
            call(workspace, experiment, run)
        except AzureMLException as raised:
            error = raised
        assert isinstance(error, UserErrorException), what
        assert right in error.message, (what, error.message)
        assert "\n" not in error.message, what
        assert len(error.message) < 400, what
    run.flush()
    assert run.get_metrics() == run.get_tags() == {}
    assert run.get_file_names() == []
    assert [each.id for each in experiment.get_runs(include_children=True)] == [run.id]
