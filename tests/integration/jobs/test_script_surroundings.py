"""What a submitted script runs in: its submitter's Python, and a tracker that others use, too."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from azureml.core import ScriptRunConfig
from helpers import wheels
from helpers.submitted_jobs import environment, error_of, log_of, submit, until, wait_for_end

SUBMIT = """
import sys
from azureml.core import Experiment, ScriptRunConfig, Workspace
experiment = Experiment(Workspace("sub", "group", "workspace"), sys.argv[1])
print(experiment.submit(ScriptRunConfig("src", script=sys.argv[2])).id)
"""


def test_each_job_runs_in_its_submitters_python(
    experiment: Any, jobs: Path, tmp_path: Path
) -> None:
    """Whoever advances the queue, here the agent of the job before."""
    Path(".azureml").mkdir()
    Path(".azureml/compute.yaml").write_text("local: {kind: local, max_runs: 1}")
    Path("src").mkdir()
    Path("src/a.py").write_text(
        "import pathlib, time\nwhile not pathlib.Path('logs/go').exists(): time.sleep(0.05)"
    )
    Path("src/b.py").write_text("import sys, only_b\nprint(sys.executable, only_b.__version__)")
    first = experiment.submit(ScriptRunConfig("src", script="a.py"))
    other = wheels.make_environment(tmp_path / "other")
    wheels.lend_packages(other)
    lent = wheels.site_packages(other) / "amlflow.pth"
    lent.write_text("".join(f"{path}\n" for path in sys.path if "adapter" in path
                            or path.endswith("plugins")))  # fmt: skip
    (wheels.site_packages(other) / "only_b.py").write_text("__version__ = '1.2.3'")
    done = subprocess.run(
        [other / "bin" / "python", "-c", SUBMIT, experiment.name, "b.py"],
        env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    second = experiment.workspace.get_run(done.stdout.split()[-1])
    assert second.get_status() == "Queued"
    until(lambda: list(jobs.glob("*/work/logs")))[0].joinpath("go").touch()
    assert wait_for_end(first) == "Completed"
    assert wait_for_end(second) == "Completed"
    assert log_of(second).split() == [str(other / "bin" / "python"), "1.2.3"]


def test_artifacts_in_experiments_that_a_script_makes_are_kept(
    experiment: Any, jobs: Path, tmp_path: Path
) -> None:
    from mlflow import MlflowClient
    from mlflow.artifacts import load_text

    run = submit(
        experiment,
        """
        import mlflow
        with mlflow.start_run():
            mlflow.log_text("first", "first.txt")
        mlflow.set_experiment("own")
        with mlflow.start_run():
            mlflow.log_text("hello", "keep.txt")
        """,
    )
    assert run.wait_for_completion()["status"] == "Completed"
    until(lambda: not list(jobs.iterdir()), what="the job's end")
    client = MlflowClient(experiment._tracker.uri)
    own = client.get_experiment_by_name("own")
    assert Path(own.artifact_location).is_relative_to(tmp_path / "mlruns")
    [made] = client.search_runs([own.experiment_id])
    assert load_text(f"{made.info.artifact_uri}/keep.txt") == "hello"
    assert "first.txt" in run.get_file_names()


@pytest.fixture
def locked(sqlite_uri: str) -> Any:
    """Holds the lock of the database until its event is set."""
    path = sqlite_uri.removeprefix("sqlite:///")
    holding, release = threading.Event(), threading.Event()

    def hold() -> None:
        database = sqlite3.connect(path, isolation_level=None)
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("BEGIN EXCLUSIVE")
        holding.set()
        release.wait()
        database.execute("ROLLBACK")
        database.close()

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait()
    yield release
    release.set()
    thread.join()


def test_a_busy_database_is_waited_for_when_it_is_opened(
    sqlite_uri: str, locked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from amlflow_mlflow import opening

    refused = []
    is_busy = opening._is_busy

    def release_at_the_second(error: BaseException) -> bool:
        refused.append(error)
        if len(refused) == 2:
            locked.set()
        return is_busy(error)

    make_tables = opening._make_tables

    def be_impatient(engine: Any) -> None:  # sqlite itself waits for seconds
        make_tables(sqlalchemy.create_engine(engine.url, connect_args={"timeout": 0.01}))

    monkeypatch.setattr(opening, "_is_busy", release_at_the_second)
    monkeypatch.setattr(opening, "_make_tables", be_impatient)
    assert opening.open_database(sqlite_uri).search_experiments()
    assert len(refused) >= 2


def test_a_database_that_stays_busy_is_said_to_be(
    sqlite_uri: str, locked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from amlflow.spec import Unavailable
    from amlflow_mlflow import opening, run_keeper, stores
    from amlflow_mlflow.sqlite import database

    monkeypatch.setattr(opening, "BUSY_OPENING_S", 0.1)
    monkeypatch.setattr(database, "BUSY_OPENING_S", 0.1)
    for open_it in (opening.open_database, run_keeper.open_keeper, stores.open_store):
        with pytest.raises(Unavailable) as busy:
            open_it(sqlite_uri)
        assert "is busy: another program holds its lock" in busy.value.message
        assert "correct MLFLOW_TRACKING_URI" not in busy.value.message


def test_a_run_that_mlflow_does_not_continue_says_what_to_do(experiment: Any, jobs: Path) -> None:
    run = submit(
        experiment,
        """
        import mlflow
        mlflow.set_experiment("another")
        mlflow.start_run()
        """,
    )
    assert run.wait_for_completion(raise_on_error=False)["status"] == "Failed"
    assert "before the first mlflow.start_run(): submit to that experiment" in error_of(run)


def test_what_the_agent_sends_for_a_script_is_no_alarm(experiment: Any, jobs: Path) -> None:
    run = submit(
        experiment,
        """
        import os
        from azureml.core import Run
        run = Run.get_context()
        for number in range(1000):
            run.log("m", number)
        """,
        run_config=_impatient(),
    )
    assert run.wait_for_completion()["status"] == "Completed"
    assert run.get_metrics() == {"m": list(range(1000))}
    log = log_of(run)
    assert "have not reached" not in log
    assert "records that the script had logged when it ended have been sent" in log
    assert "warnings" not in run.get_details()


def _impatient() -> Any:
    """A script's process that does not wait at its end for what it has logged."""
    from azureml.core.runconfig import RunConfiguration

    configuration = RunConfiguration()
    configuration.environment_variables = {"AMLFLOW_EXIT_SECONDS": "0"}
    return configuration
