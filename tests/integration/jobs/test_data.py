"""Data in submitted scripts: inputs, outputs, and what the run tells about them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import mlflow
import pytest
from azureml.core import Dataset
from azureml.data import OutputFileDatasetConfig
from helpers.submitted_jobs import error_of, log_of, new_experiment, submit, wait_for_end

STORES = ("sqlite", "best_server", "trackio")


@pytest.fixture(params=STORES)
def experiment_anywhere(
    request: pytest.FixtureRequest, folder: Path, jobs: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", request.getfixturevalue(f"{request.param}_uri"))
    return new_experiment()


SCRIPT = """
import os, sys
from azureml.core import Dataset, Run
run = Run.get_context()
table, mounted, copied, single, written = sys.argv[1:]
frame = run.input_datasets["table"].to_pandas_dataframe()
assert frame["x"].tolist() == [5, 6], frame
assert Dataset.get_by_id(run.experiment.workspace, table).name == run.experiment.name
assert run.input_datasets["mounted"] == mounted == os.environ["mounted"]
for folder in (mounted, copied):
    assert sorted(os.listdir(folder)) == ["a.csv", "sub"], os.listdir(folder)
    assert open(os.path.join(folder, "sub", "b.txt")).read() == "b"
assert copied.endswith("work/here")
assert not os.path.islink(os.path.join(copied, "a.csv"))
assert open(single).read() == "x,y\\n5,u\\n6,v\\n"
assert run.output_datasets["written"] == written
with open(os.path.join(written, "out.csv"), "w") as file:
    file.write("z\\n7\\n")
print("all there")
"""


def test_a_script_reads_and_writes_data(experiment_anywhere: Any) -> None:
    experiment = experiment_anywhere
    workspace = experiment.workspace
    datastore = workspace.get_default_datastore()
    base = experiment.name
    Path("in/sub").mkdir(parents=True)
    Path("in/a.csv").write_text("x,y\n5,u\n6,v\n")
    Path("in/sub/b.txt").write_text("b")
    datastore.upload("in", f"{base}/in", show_progress=False)
    files = Dataset.File.from_files((datastore, f"{base}/in"))
    table = Dataset.Tabular.from_delimited_files((datastore, f"{base}/in/a.csv"))
    table = table.register(workspace, experiment.name)
    single = Dataset.File.from_files((datastore, f"{base}/in/a.csv"))
    output = OutputFileDatasetConfig("written", (datastore, base + "/{run-id}/{output-name}"))
    output = output.read_delimited_files().register_on_complete(f"{base}-out", tags={"a": "b"})
    run = submit(
        experiment,
        SCRIPT,
        arguments=[
            table.as_named_input("table"),
            files.as_named_input("mounted").as_mount(),
            files.as_named_input("copied").as_download("here"),
            single.as_mount(),
            output,
        ],
    )
    assert run.wait_for_completion(raise_on_error=False)["status"] == "Completed", log_of(run)
    assert "all there" in log_of(run)
    details = run.get_details()
    used = {item["consumptionDetails"]["inputName"]: item for item in details["inputDatasets"]}
    assert used["table"]["dataset"] == {"id": table.id, "name": base, "version": 1}
    assert used["table"]["consumptionDetails"]["mechanism"] == "direct"
    assert used["mounted"]["consumptionDetails"]["mechanism"] == "mount"
    result = Dataset.get_by_name(workspace, f"{base}-out")
    assert result.to_pandas_dataframe()["z"].tolist() == [7]
    assert result.tags == {"a": "b"}
    [written] = details["outputDatasets"]
    assert written["dataset"] == {"id": result.id, "name": f"{base}-out", "version": 1}
    if "trackio" not in os.environ["MLFLOW_TRACKING_URI"]:
        mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
        shown = mlflow.get_run(run.id).inputs.dataset_inputs
        assert {item.dataset.name for item in shown} >= {base, "mounted"}


def test_an_input_that_is_gone_fails_the_run(experiment: Any) -> None:
    datastore = experiment.workspace.get_default_datastore()
    Path("a.txt").write_text("1")
    datastore.upload_files(["a.txt"], show_progress=False)
    dataset = Dataset.File.from_files((datastore, "a.txt"))
    (Path(datastore.address.removeprefix("file://")) / "a.txt").unlink()
    run = submit(experiment, "print('started')", arguments=[dataset.as_mount()])
    assert wait_for_end(run) == "Failed"
    assert "workspaceblobstore/a.txt' has no file" in error_of(run)
    assert "started" not in log_of(run)
