"""Files that a tracker keeps relative to a script's working folder are there after the job."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.submitted_jobs import kill_agent, log_of, new_experiment, submit, until, wait_for_end

OWN_EXPERIMENT = """
    import mlflow, os, pathlib, time
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("own", {location!r}))
    os.environ.pop("MLFLOW_RUN_ID")
    with mlflow.start_run():
        mlflow.log_text("hello", "keep.txt")
    pathlib.Path("outputs/result").write_text("sent")
    print("logged", flush=True)
    {last}
"""


@pytest.mark.parametrize(
    ("location", "is_killed"), [("a/b", False), ("outputs/mine", False), ("relative", True)]
)
def test_an_experiment_with_a_relative_artifact_location(
    experiment: Any, jobs: Path, location: str, is_killed: bool
) -> None:
    last = "time.sleep(600)" if is_killed else ""
    run = submit(experiment, OWN_EXPERIMENT.format(location=location, last=last))
    if is_killed:
        [job] = jobs.iterdir()
        until(
            lambda: (job / "std_log.txt").exists() and "logged" in (job / "std_log.txt").read_text()
        )
        kill_agent(jobs)
    status = run.wait_for_completion(raise_on_error=False)["status"]
    assert status == ("Failed" if is_killed else "Completed")
    until(lambda: not list(jobs.glob("*/job.json")), what="the job's end")
    assert artifact(experiment, "own", "keep.txt") == "hello"
    assert "outputs/result" in run.get_file_names()
    [warning] = run.get_details()["warnings"]
    [job] = jobs.iterdir()
    assert str(job / "work" / location) in warning
    assert [path.name for path in job.iterdir()] == ["work"]
    assert not list(job.rglob("script.py"))


def artifact(experiment: Any, name: str, file: str) -> str:
    from mlflow import MlflowClient
    from mlflow.artifacts import load_text

    client = MlflowClient(experiment._tracker.uri)
    [run] = client.search_runs([client.get_experiment_by_name(name).experiment_id])
    return str(load_text(f"{run.info.artifact_uri}/{file}"))


def test_an_experiment_whose_artifact_root_was_relative_before(
    experiment: Any, jobs: Path, folder: Path, sqlite_uri: str
) -> None:
    with sqlite3.connect(sqlite_uri.removeprefix("sqlite:///")) as database:
        database.execute(
            "UPDATE experiments SET artifact_location = './old/root' WHERE experiment_id = ?",
            (experiment.id,),
        )
    run = submit(
        experiment,
        """
        import pathlib
        import mlflow
        pathlib.Path("outputs/result").write_text("sent")
        with mlflow.start_run():
            mlflow.log_text("hello", "keep.txt")
        print("logged")
        """,
    )
    assert wait_for_end(run) == "Completed"
    assert {"outputs/result", "user_logs/std_log.txt"} <= set(run.get_file_names())
    assert (folder / "old/root" / run.id / "artifacts/outputs/result").read_text() == "sent"
    until(lambda: not list(jobs.glob("*/job.json")), what="the job's end")
    [warning] = run.get_details()["warnings"]
    [kept] = jobs.rglob("keep.txt")
    assert kept.read_text() == "hello"
    assert str(kept).startswith(warning.partition("these stay: ")[2].partition(". ")[0])


@pytest.fixture
def trackio_experiment(
    folder: Path, jobs: Path, empty_trackio: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """An experiment in a trackio folder that is named by a relative TRACKIO_DIR."""
    shutil.copytree(empty_trackio, folder / "tracked")
    monkeypatch.setenv("TRACKIO_DIR", "tracked")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "trackio://")
    return new_experiment()


def test_what_a_script_logs_with_trackio_itself(
    trackio_experiment: Any, jobs: Path, folder: Path
) -> None:
    run = submit(
        trackio_experiment,
        """
        import pathlib
        import numpy, trackio
        from azureml.core import Run
        Run.get_context().log("loss", 0.5)
        trackio.init(project="own", embed=False)
        trackio.log({"m": 1, "picture": trackio.Image(numpy.zeros((2, 2, 3), dtype="uint8"))})
        trackio.finish()
        """,
    )
    assert wait_for_end(run, 120) == "Completed", log_of(run)
    until(lambda: not list(jobs.iterdir()), what="the job's end")
    assert run.get_metrics() == {"loss": 0.5}
    with sqlite3.connect(folder / "tracked/own.db") as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master")]
        # If trackio could not write something in time, it only warns in the log.
        assert "metrics" in tables, log_of(run)
        logged = [json.loads(text) for (text,) in database.execute("SELECT metrics FROM metrics")]
    [picture] = [row["picture"]["file_path"] for row in logged if "picture" in row]
    assert (folder / "tracked/media" / picture).is_file()
