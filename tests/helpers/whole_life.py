"""A script that uses a run through the SDK from start to end, on old servers or without MLflow.

It prints the first check that fails, and ends with 0 if none fails. With the first argument
``--without-mlflow``, MLflow cannot be imported.
"""

from __future__ import annotations

import os
import sys
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

if "--without-mlflow" in sys.argv:
    sys.modules["mlflow"] = None  # type: ignore[assignment]

from amlflow.cli import main as command_line
from azureml.core import Dataset, Environment, Experiment, Model, Run, Workspace
from azureml.exceptions import AzureMLException, WebserviceException

NAME = f"whole-life-{uuid.uuid4().hex[:8]}"
"""The name of models, data sets and environments. It is unique: other processes run this, too."""


def check(name: str, holds: object) -> None:
    """End with a message unless something holds."""
    if not holds:
        raise SystemExit(f"{name}: does not hold")


def check_refused(
    name: str, call: Callable[[], object], error: type[AzureMLException], part: str
) -> None:
    """End with a message unless a call raises an error with a text in its message."""
    try:
        call()
    except error as raised:
        check(f"{name}: the message", part in raised.message)
    else:
        check(f"{name}: the error", False)


def check_models(workspace: Workspace, run: Run) -> None:
    """Check models of a run's folder and of local files: register, find, change, delete."""
    model = run.register_model(NAME, "outputs/model", tags={"kind": "a: b"})
    check("model", Model(workspace, NAME).version == model.version)
    check("model of a run", (model.run_id, model.experiment_name) == (run.id, "whole-life"))
    model.remove_tags(["kind"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        path.write_text("{}", encoding="utf-8")
        local = Model.register(
            workspace,
            str(path),
            NAME,
            tags={"stage": "test: ː"},
            properties={"author": "azureml-user"},
            description="größe",
            model_framework=Model.Framework.SCIKITLEARN,
            model_framework_version="1.4",
        )
        check("next version", local.version == model.version + 1)
        copy = Path(Model(workspace, NAME, version=local.version).download(folder + "/copy"))
        check("download", copy.read_text(encoding="utf-8") == "{}")
        weights = Path(model.download(folder + "/weights"))
        check("download of a folder with one file", weights.stat().st_size == 256_000)
    local.add_tags({"stage": "production"})
    local.add_properties({"size": "256"})
    local.update(description="new")
    check_refused(
        "a model's property is immutable",
        lambda: local.add_properties({"author": "another"}),
        AzureMLException,
        "azureml-user",
    )
    again = Model(workspace, NAME, tags=[["stage", "production"]])
    check("by tag", again.version == local.version)
    check("properties", again.properties == {"author": "azureml-user", "size": "256"})
    check("description", again.description == "new")
    framework = (again.model_framework, again.model_framework_version)
    check("framework", framework == ("ScikitLearn", "1.4"))
    listed = [one.version for one in Model.list(workspace, name=NAME)]
    check("list", listed[:2] == [local.version, model.version])
    latest = Model.list(workspace, name=NAME, latest=True)
    check("latest", [one.version for one in latest] == [local.version])
    check("by run", model.version in [one.version for one in Model.list(workspace, run_id=run.id)])
    check("models by name", workspace.models[NAME].version == local.version)
    local.delete()
    check("deleted", Model(workspace, NAME).version == model.version)
    check_refused(
        "a missing version",
        lambda: Model(workspace, NAME, version=99),
        WebserviceException,
        "ModelNotFound",
    )
    model.delete()


def check_data(workspace: Workspace) -> None:
    """Check files of the default datastore, and data sets: register, read, change, unregister."""
    datastore = workspace.get_default_datastore()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_text("when,x\n2020-01-31,1.5\n2020-02-01,2\n", encoding="utf-8")
        datastore.upload_files([path], target_path=NAME, show_progress=False)
        path.write_text("when,x\n2020-01-31,3\n", encoding="utf-8")
        datastore.upload_files([path], target_path=NAME, show_progress=False)
        count = datastore.download(folder + "/all", NAME, show_progress=False)
        check("download of a datastore", count == 1)
        table = Dataset.Tabular.from_delimited_files((datastore, f"{NAME}/*.csv"))
        first = table.register(workspace, NAME, "größe", {"stage": "raw: ː"})
        same = table.register(workspace, NAME, create_new_version=True)
        check("the same definition", same.version == first.version)
        second = table.take(1).register(workspace, NAME, create_new_version=True)
        check("another definition", second.version == first.version + 1)
        by_name = Dataset.get_by_name(workspace, NAME, version=first.version)
        check("description", (by_name.description, by_name.tags) == ("größe", {"stage": "raw: ː"}))
        check("rows", by_name.to_pandas_dataframe()["x"].tolist() == [1.5, 2.0])
        check("by id", Dataset.get_by_id(workspace, second.id).version == second.version)
        check("data sets by name", workspace.datasets[NAME].version == second.version)
        files = Dataset.File.from_files((datastore, NAME))
        check("files", [Path(one).name for one in files.download(folder + "/files")] == [path.name])
        with files.mount() as mounted:
            check("mounted", (Path(mounted.mount_point) / path.name).is_file())
    by_name.add_tags({"stage": "clean"})
    check("tags", Dataset.get_by_id(workspace, first.id).tags == {"stage": "clean"})
    second.unregister_all_versions()
    check("unregistered", NAME not in workspace.datasets)


def check_environments(workspace: Workspace) -> None:
    """Check that a registered environment is found with its definition."""
    environment = Environment(NAME)
    environment.environment_variables = {"größe: ː": "7"}
    version = environment.register(workspace).version
    back = Environment.get(workspace, NAME, version)
    check("environment", back.environment_variables == {"größe: ː": "7"})
    check("environments by name", NAME in workspace.environments)


def check_commands(experiment: Experiment, runs: list[Run]) -> None:
    """Check commands that tag and cancel several runs at once, delete one, and list all."""
    where = ["-e", experiment.name, "-o", "none"]
    ids = [run.id for run in runs]

    def command(*words: str) -> None:
        check(" ".join(words), command_line([*words, *where]) == 0)

    command("run", "update", "--add-tag", "several: ː=yes", "-r", *ids)
    several = {run.id for run in experiment.get_runs(tags={"several: ː": "yes"})}
    check("tagged at once", several == set(ids))
    command("run", "cancel", "-r", *ids)
    check("cancelled at once", {run.get_status() for run in runs} == {"Canceled"})
    if not os.environ.get("MLFLOW_TRACKING_URI", "").startswith("trackio:"):  # which keeps all runs
        command("run", "delete", "-r", ids[0])
        check("deleted run", ids[0] not in {run.id for run in experiment.get_runs()})
        command("run", "restore", "-r", ids[0])
        check("restored run", ids[0] in {run.id for run in experiment.get_runs()})
    for words in (["compare", *ids[:2]], ["show", "-r", ids[0]], ["metrics", "-r", ids[0]]):
        command("run", *words)
    command("run", "list", "--order-by", "created desc", "--text", "whole")
    command("experiment", "delete")
    command("experiment", "restore")


def main() -> None:
    """Use a run from start to end, with everything that people log, read and change."""
    workspace = Workspace("s", "g", "w")
    experiment = Experiment(workspace, "whole-life")
    run = experiment.start_logging(snapshot_directory=None)
    run.log("loss", 0.5)
    run.log("loss", 0.25)
    run.log("epoch", 3)
    run.log("accuracy (top 5)", 0.75)
    run.log("note", "größe")
    run.log_list("list", [1, 2.5, float("nan")])
    run.log_row("row", a=1, b="x")
    run.tag("quality", "good")
    run.tag("mlflow.special: ˸ ː", "kept")
    run.add_properties({"author": "azureml-user", "mlflow.agent: ː": "7"})
    run.set_tags({"bare": "", "gone": "x"})
    run.remove_tags(["gone"])
    check_refused(
        "a property is immutable",
        lambda: run.add_properties({"author": "another"}),
        AzureMLException,
        "azureml-user",
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.bin"
        path.write_bytes(bytes(range(256)) * 1000)
        run.upload_file("outputs/model/weights.bin", str(path))
        back = Path(folder) / "back.bin"
        run.download_file("outputs/model/weights.bin", str(back))
        check("a file comes back", back.read_bytes() == path.read_bytes())
        check_refused(
            "a missing file",
            lambda: run.download_file("outputs/missing", str(Path(folder) / "none")),
            AzureMLException,
            "outputs/missing",
        )
    check("files", "outputs/model/weights.bin" in run.get_file_names())
    children = run.create_children(3)
    children[0].log("loss", 1.0)
    for child in children:
        child.complete()
    check_models(workspace, run)
    check_data(workspace)
    check_environments(workspace)
    run.complete()

    run = Run(experiment, run.id)
    metrics = run.get_metrics()
    check("loss", metrics["loss"] == [0.5, 0.25])
    check("int", metrics["epoch"] == 3 and type(metrics["epoch"]) is int)
    check("names", metrics["accuracy (top 5)"] == 0.75 and metrics["note"] == "größe")
    check("list", metrics["list"][:2] == [1, 2.5] and metrics["list"][2] != metrics["list"][2])
    check("row", metrics["row"] == {"a": 1, "b": "x"})
    check("tags", run.get_tags()["mlflow.special: ˸ ː"] == "kept" and "gone" not in run.get_tags())
    check("property", run.get_properties()["mlflow.agent: ː"] == "7")
    check("status", run.get_status() == "Completed")
    found = list(experiment.get_runs(tags={"quality": "good"}))
    check("by tag", run in found)
    check("by tag's key", run in list(experiment.get_runs(tags="mlflow.special: ˸ ː")))
    by_property = experiment.get_runs(properties={"mlflow.agent: ː": "7", "author": "azureml-user"})
    check("by property", run in list(by_property))
    check("not by another value", not list(experiment.get_runs(tags={"quality": "bad"})))
    check("children", {child.id for child in run.get_children()} == {each.id for each in children})
    check("query", run in list(experiment.query("[?tags.quality == 'good']")))
    check("number", run.number >= 1)
    failed = experiment.start_logging(snapshot_directory=None)
    failed.fail("no data")
    check("failed", Run(experiment, failed.id).get_details()["status"] == "Failed")
    check("query without a tag", failed in list(experiment.query("[?!(tags.quality)]")))
    canceled = experiment.start_logging(run_id=f"mine-{failed.id[:8]}", snapshot_directory=None)
    canceled.cancel()
    check("canceled", Run(experiment, canceled.id).get_status() == "Canceled")
    commands = Experiment(workspace, f"whole-life-{canceled.id[-8:]}")
    check_commands(commands, [commands.start_logging(snapshot_directory=None) for _ in range(2)])
    Experiment(workspace, "whole-life-archived").archive()
    check("archived", "whole-life-archived" not in workspace.experiments)


main()
