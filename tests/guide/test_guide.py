"""The guide's steps run as they stand, from a folder that has nothing in it but the script."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
from helpers import servers
from mlflow.entities import Run

SCRIPT = Path(__file__).parent / "explore_runs.py"


def run_script(folder: Path, **environment: str) -> list[str]:
    """The lines that the script prints, run in the folder by a process of its own."""
    shutil.copy(SCRIPT, folder)
    done = subprocess.run(
        [sys.executable, SCRIPT.name], cwd=folder, capture_output=True, text=True, check=False,
        env=servers.clean_environment(XDG_CONFIG_HOME=str(folder.parent), **environment),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def check_printed(lines: list[str]) -> None:
    assert lines[0] == "1.61.0"
    details, conflict = lines[2], next(line for line in lines if "different-user" in line)
    assert lines[1] == "Running"
    assert details.startswith("{'runId': '")
    assert "'status': 'Running'" in details
    assert lines[3:6] == ["Completed", "Running", "Completed"]
    assert "'author': 'azureml-user'" in lines[6]
    assert "'author'" in conflict
    assert "'azureml-user'" in conflict
    tags = [line for line in lines if line.startswith("{'quality'")]
    assert tags == [
        "{'quality': 'great run'}",
        "{'quality': 'fantastic run'}",
        "{'quality': 'fantastic run', 'worth another look': None}",
    ]
    assert lines[-2] == "Failed"
    assert "LazyListing object at" in lines[-1]  # children are read as it is iterated


def check_stored(uri: str) -> None:
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("explore-runs")
    assert experiment is not None
    runs: list[Run] = client.search_runs([experiment.experiment_id], max_results=9)
    children, parent, local, second, first = runs[:5], *runs[5:]
    assert [run.info.status for run in runs] == ["FINISHED"] * 6 + ["FAILED"] + ["FINISHED"] * 2
    for number, child in enumerate(reversed(children)):
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert child.data.metrics == {"Hello from child run": number}
    assert local.data.params["property.author"] == "azureml-user"
    assert local.data.tags["quality"] == "fantastic run"
    assert local.data.tags["worth another look"] == ""
    assert second.data.params["property.ContentSnapshotId"]
    assert first.info.end_time >= first.info.start_time


def check_shown(folder: Path) -> None:
    """Trackio's own client finds the runs."""
    code = """
import json
from trackio.sqlite_storage import SQLiteStorage
runs = SQLiteStorage.get_run_records("explore-runs")
configs = SQLiteStorage.get_all_run_configs("explore-runs")
logs = [SQLiteStorage.get_logs("explore-runs", run_id=each["id"]) for each in runs]
print(json.dumps([[each["id"] for each in runs], configs, logs]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True,
        env=servers.clean_environment(TRACKIO_DIR=str(folder)),
    )  # fmt: skip
    ids, configs, logs = json.loads(done.stdout)
    shown = [configs[run_id] for run_id in ids]
    statuses = [each["status"] for each in shown]
    assert statuses == [*["Completed"] * 2, "Failed", *["Completed"] * 6]
    assert shown[2]["property.author"] == "azureml-user"
    assert (shown[2]["tag.quality"], shown[2]["tag.worth another look"]) == ("fantastic run", "")
    assert [each.get("parent") for each in shown] == [*[None] * 4, *[ids[3]] * 5]
    for number, rows in enumerate(logs[4:]):
        values = [row["Hello from child run"] for row in rows if "Hello from child run" in row]
        assert values == [number]


def test_on_trackio(trackio_uri: str, folder: Path) -> None:
    check_printed(run_script(folder, MLFLOW_TRACKING_URI=trackio_uri))
    check_shown(Path(trackio_uri.removeprefix("trackio://")))
    assert {each.name for each in folder.iterdir()} == {SCRIPT.name, "outputs"}


def test_on_the_embedded_default(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_printed(run_script(folder))
    # MLflow's own client finds the runs where it looks without being told.
    check_stored("")
    assert {each.name for each in folder.iterdir()} <= {
        SCRIPT.name, "mlflow.db", "mlruns", "outputs",
    }  # fmt: skip


def test_on_each_store(any_store: str, folder: Path) -> None:
    check_printed(run_script(folder, MLFLOW_TRACKING_URI=any_store))
    check_stored(any_store)
    assert {each.name for each in folder.iterdir()} == {SCRIPT.name, "outputs"}
