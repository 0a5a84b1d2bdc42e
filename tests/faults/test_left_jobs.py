"""Folders of jobs that nobody resumes: each comes to an end by ``amlflow sync``."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from amlflow.jobs.job import JobFolder, new_name
from helpers.submitted_jobs import (
    agents,
    environment,
    kill_agent,
    scripts,
    submit,
    until,
    wait_for_end,
)


def sync() -> str:
    """``amlflow sync``; what it says beside its output is returned."""
    done = subprocess.run(
        [sys.executable, "-m", "amlflow", "sync"],
        env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stderr


def delete(run: Any) -> None:
    from mlflow import MlflowClient

    MlflowClient(run._tracker.uri).delete_run(run.id)


@pytest.mark.parametrize("leaves", [False, True])
def test_a_job_whose_run_is_deleted(experiment: Any, jobs: Path, leaves: bool) -> None:
    write = "pathlib.Path('outputs/result').write_text('x')" if leaves else ""
    run = submit(
        experiment,
        f"import pathlib, time\n{write}\npathlib.Path('ready').touch()\ntime.sleep(600)",
    )
    [job] = jobs.iterdir()
    until((job / "work/ready").exists)
    kill_agent(jobs)
    delete(run)
    said = sync()
    assert not scripts(jobs), "the script goes on without its agent"
    if not leaves:
        assert str(job) not in said
        assert not list(jobs.iterdir())
        return
    assert f"The files and records that the script of run {run.id} left cannot be sent" in said
    assert "archived or deleted" in said
    assert f"rm -r {shlex.quote(str(job))}" in said
    assert (job / "work/outputs/result").read_text() == "x"


@pytest.mark.parametrize("age", [0, 120])
def test_a_folder_whose_submitter_was_killed_before_it_had_written_the_job(
    experiment: Any, jobs: Path, age: int
) -> None:
    folder = JobFolder(new_name(), jobs)
    folder.make()
    folder.snapshot.write_bytes(b"")
    made = folder.path.stat().st_mtime - age
    os.utime(folder.path, (made, made))
    said = sync()
    assert folder.path.exists() == (age == 0)
    assert ("amlflow run cancel" in said) == (age > 0)
    assert str(folder.path) not in sync()


def test_an_agent_that_could_not_send_a_file_is_not_started_again(
    experiment: Any, jobs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = submit(
        experiment,
        """
        import pathlib, shutil, sqlite3, os
        pathlib.Path("outputs/good").write_text("x")
        pathlib.Path("outputs/bad").write_text("x")
        # What stands at the file's place in the store is a folder.
        store = pathlib.Path(os.environ["STORE"], os.environ["MLFLOW_EXPERIMENT_ID"],
                             os.environ["MLFLOW_RUN_ID"], "artifacts/outputs/bad/x")
        store.mkdir(parents=True)
        """,
        run_config=with_store(experiment, tmp_path),
    )
    assert wait_for_end(run) == "Completed"
    assert "outputs/good" in run.get_file_names()
    [warning] = run.get_details()["warnings"]
    assert "'outputs/bad' could not be stored" in warning
    until(lambda: not agents(jobs), what="the agent's end")
    [job] = jobs.iterdir()
    os.utime(job / "outcome.json", (0, 0))
    for _ in range(2):
        said = sync()
        assert "'outputs/bad' could not be stored" in said
        assert f"rm -r {shlex.quote(str(job))}" in said
    assert not agents(jobs)
    assert (job / "outcome.json").stat().st_mtime == 0


def with_store(experiment: Any, tmp_path: Path) -> Any:
    from azureml.core.runconfig import RunConfiguration

    configuration = RunConfiguration()
    configuration.environment_variables = {"STORE": str(tmp_path / "mlruns")}
    return configuration
