"""Models that other MLflow clients have registered, seen and used by v1 code."""

from __future__ import annotations

from pathlib import Path

from amlflow.core.experiment import Experiment
from amlflow.core.models.model import Model
from amlflow.core.runs.run import Run
from mlflow import MlflowClient


def test_a_model_that_mlflow_registered_is_listed_read_and_downloaded(
    experiment: Experiment, run: Run, folder: Path
) -> None:
    workspace = experiment.workspace
    (folder / "logged").mkdir()
    for name in ("MLmodel", "model.pkl"):
        (folder / "logged" / name).write_text(name)
    client = MlflowClient(workspace.get_mlflow_tracking_uri())
    client.log_artifacts(run.id, "logged", "model")
    client.create_registered_model("diabetes")
    artifacts = client.get_run(run.id).info.artifact_uri
    client.create_model_version("diabetes", f"{artifacts}/model", run.id, tags={"stage": "test"})

    [listed] = Model.list(workspace)
    model = Model(workspace, "diabetes", tags=[["stage", "test"]])
    assert listed.id == model.id == "diabetes:1"
    assert (model.run_id, model.experiment_name) == (run.id, "explore")
    assert (model.tags, model.properties) == ({"stage": "test"}, {})
    downloaded = Path(model.download("out"))
    assert sorted(path.name for path in downloaded.iterdir()) == ["MLmodel", "model.pkl"]
    assert Path(Model.get_model_path("diabetes", _workspace=workspace), "MLmodel").exists()

    run.upload_file("outputs/m.txt", str(folder / "logged" / "MLmodel"))
    assert run.register_model("diabetes", "outputs/m.txt").version == 2
    assert client.get_model_version("diabetes", "2").run_id == run.id
