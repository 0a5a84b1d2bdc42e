"""A run's life through the SDK, as a script: for a process that has no MLflow, or an old server.

It says what does not hold, and ends with 0 if all holds. Its first argument may be
``--without-mlflow``: then nothing of MLflow can be imported.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

if "--without-mlflow" in sys.argv:
    sys.modules["mlflow"] = None  # type: ignore[assignment]

from azureml.core import Experiment, Model, Run, Workspace
from azureml.exceptions import AzureMLException


def check(name: str, holds: object) -> None:
    """Tell what does not hold."""
    if not holds:
        raise SystemExit(f"{name}: does not hold")


def main() -> None:
    """A whole life, with what people log, ask for and change."""
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
    try:
        run.add_properties({"author": "another"})
    except AzureMLException as error:
        check("the conflict names both values", "azureml-user" in str(error))
    else:
        check("a property is immutable", False)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.bin"
        path.write_bytes(bytes(range(256)) * 1000)
        run.upload_file("outputs/model/weights.bin", str(path))
        back = Path(folder) / "back.bin"
        run.download_file("outputs/model/weights.bin", str(back))
        check("a file comes back", back.read_bytes() == path.read_bytes())
        try:
            run.download_file("outputs/missing", str(Path(folder) / "none"))
        except AzureMLException as error:
            check("a missing file is named", "outputs/missing" in str(error))
        else:
            check("a missing file is an error", False)
    check("files", "outputs/model/weights.bin" in run.get_file_names())
    children = run.create_children(3)
    children[0].log("loss", 1.0)
    for child in children:
        child.complete()
    model = run.register_model("whole-life", "outputs/model", tags={"kind": "a: b"})
    model.add_properties({"size": "256"})
    check("model", Model(workspace, "whole-life").version == model.version)
    model.remove_tags(["kind"])
    check("models", [each.name for each in Model.list(workspace, name="whole-life")])
    model.delete()
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
    Experiment(workspace, "whole-life-archived").archive()
    check("archived", "whole-life-archived" not in workspace.experiments)


main()
