"""Runs whose submitter or agent dies before the script starts: what a look and a command do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from amlflow.jobs.job import JobFolder
from amlflow.jobs.launch import launch
from amlflow.jobs.queue import Queue
from amlflow.spec import Refused, RunChange
from azureml.core import Experiment, Run, Workspace
from helpers.submitted_jobs import (
    agents,
    alive,
    error_of,
    find_agent,
    kill_agent,
    scripts,
    submit,
    until,
    wait_for_end,
)


@pytest.mark.parametrize("undone", [[(JobFolder, "write"), (Queue, "add")], [(Queue, "add")]])
def test_a_submitter_that_dies_before_it_is_done(
    experiment: Any, jobs: Path, monkeypatch: pytest.MonkeyPatch, undone: Any
) -> None:
    for place, step in undone:
        monkeypatch.setattr(place, step, lambda *_: None)
    run = submit(experiment, "pass")
    for _ in range(2):  # a look only says so
        assert run.get_status() == "NotResponding"
    assert len(list(jobs.iterdir())) == 1
    assert run.wait_for_completion(raise_on_error=False)["status"] == "Failed"
    assert "Submit it again" in error_of(run)
    assert not list(jobs.iterdir())


def test_a_look_while_it_is_being_submitted(
    experiment: Any, jobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    written = JobFolder.write

    def looked_at(folder: JobFolder, job: Any) -> None:
        for _ in range(2):  # without its job.json and with it
            other = Experiment(Workspace("sub", "group", "workspace"), experiment.name)
            seen.append(Run(other, job.run_id).get_status())
            written(folder, job)

    monkeypatch.setattr(JobFolder, "write", looked_at)
    run = submit(experiment, "print('runs')")
    assert seen == ["Preparing", "Preparing"]
    assert wait_for_end(run) == "Completed"


def test_an_agent_that_dies_before_it_has_the_run(
    experiment: Any, jobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def launched(folder: JobFolder, lock: int) -> None:
        """As if the agent's Python had ended at once."""
        folder.agent_log.write_text("Traceback\n  …\nModuleNotFoundError: No module named 'x'\n")

    monkeypatch.setattr("amlflow.jobs.queue.launch", launched)
    run = submit(experiment, "pass")
    for _ in range(2):  # a look only says so
        assert run.get_status() == "NotResponding"
    assert len(list(jobs.iterdir())) == 1
    assert run.wait_for_completion(raise_on_error=False)["status"] == "Failed"
    assert "ended before it had started the script: ModuleNotFoundError" in error_of(run)
    assert not list(jobs.iterdir())


def test_a_waiting_run_is_started_by_whoever_waits_for_it(
    experiment: Any, jobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All agents died, as when the machine was restarted, with a run in the queue."""
    Path(".azureml").mkdir()
    Path(".azureml/compute.yaml").write_text("local: {kind: local, max_runs: 1}")
    first = submit(experiment, "import time; time.sleep(600)")
    second = submit(experiment, "print('second')")
    assert second.get_status() == "Queued"
    kill_agent(jobs)
    for _ in range(2):
        assert second.get_status() == "Queued"
    assert not agents(jobs)
    assert second.wait_for_completion()["status"] == "Completed"
    assert first.wait_for_completion(raise_on_error=False)["status"] == "Failed"


def test_a_cancelled_run_whose_agent_dies(experiment: Any, jobs: Path) -> None:
    run = submit(experiment, "import time; print('up', flush=True); time.sleep(600)")
    until(lambda: scripts(jobs))
    agent = find_agent(jobs)
    agent.suspend()
    run.cancel()
    assert run.status == "CancelRequested"
    agent.kill()
    until(lambda: not alive(agent.pid))
    assert run.get_status() == "NotResponding"
    assert run.wait_for_completion()["status"] == "Canceled"
    assert not scripts(jobs)


def test_a_run_that_is_deleted_while_it_waits(
    experiment: Any, jobs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    def deleted(folder: JobFolder, lock: int) -> None:
        client = MlflowClient(experiment.workspace.get_mlflow_tracking_uri())
        client.delete_run(folder.read().run_id)
        launch(folder, lock)

    monkeypatch.setattr("amlflow.jobs.queue.launch", deleted)
    submit(experiment, "pass")
    until(lambda: not list(jobs.iterdir()), what="the job's end")


def test_whoever_may_not_note_it_can_look(
    experiment: Any, jobs: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = submit(experiment, "import time; time.sleep(600)")
    until(lambda: scripts(jobs))
    kill_agent(jobs)

    def refused(run_id: str, change: RunChange) -> None:
        raise Refused("You may only read this experiment.")

    monkeypatch.setattr(run._tracker, "update_run", refused)
    assert run.get_status() == "Running"
    assert "You may only read" in caplog.text
    assert scripts(jobs)
