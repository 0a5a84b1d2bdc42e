"""What a submitted script had logged when its agent died with it, or before it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import psutil
import pytest
from amlflow.jobs.run_notes import fail_as_lost
from amlflow.journal.folder import tracker_folder
from amlflow.journal.recovery import recover
from amlflow.plugins import open_tracker
from helpers import logging_processes
from helpers.flaky_proxy import always_pass, start_proxy
from helpers.submitted_jobs import error_of, kill_agent, new_experiment, scripts, submit, until

LOGS = """
    import time
    from pathlib import Path
    from azureml.core import Run
    run = Run.get_context()
    run.log("m", 0)
    run.flush()
    Path("ready").touch()
    while not Path("go").exists():
        time.sleep(0.01)
    for number in range(1, 500):
        run.log("m", number)
    Path("logged").touch()
    time.sleep(600)
"""


@pytest.mark.parametrize("looked", ["here", "from another machine"])
def test_it_arrives(
    folder: Path, jobs: Path, server_uri: str, looked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_proxy(server_uri) as (proxy, uri):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        run = submit(new_experiment(), LOGS)
        [job] = jobs.iterdir() if jobs.is_dir() else []
        until((job / "work/ready").exists)
        proxy.rule = proxy.down
        (job / "work/go").touch()
        until((job / "work/logged").exists)
        kill_agent(jobs)
        end(scripts(jobs))
        proxy.rule = always_pass
        if looked == "here":
            assert run.get_status() == "NotResponding"
            assert run.wait_for_completion(raise_on_error=False)["status"] == "Failed"
            assert "agent of the run was killed" in error_of(run)
        else:
            run._tracker.update_run(run._record.id, fail_as_lost("It is silent.").change())
            done = json.loads(logging_processes.wait_for_output(logging_processes.sync(uri))[0])
            assert (done["sent"], done["waiting"]) == (499, [])
        assert run.get_metrics() == {"m": list(range(500))}
        assert run.get_status() == "Failed"


def end(processes: list[psutil.Process]) -> None:
    for each in processes:
        each.kill()
    psutil.wait_procs(processes, 10)


def test_what_it_logged_to_another_tracker_stays(
    folder: Path,
    jobs: Path,
    sqlite_uri: str,
    empty_database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The agent knows no credentials for that one, so it says where the records are."""
    shutil.copyfile(empty_database, tmp_path / "other.db")
    other_uri = f"sqlite:///{tmp_path}/other.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite_uri)
    run = submit(
        new_experiment(),
        f"""
        import os
        from azureml.core import Experiment, Workspace
        os.environ["MLFLOW_TRACKING_URI"] = {other_uri!r}
        other = Experiment(Workspace("s", "g", "w"), "other").start_logging(
            snapshot_directory=None, outputs=False)
        for number in range(1000):
            other.log("m", number)
        print(other.id, flush=True)
        os.kill(os.getpid(), 9)
        """,
    )
    until(lambda: run.get_status() == "Failed")
    details = run.get_details()
    [warning] = details.get("warnings", [details])
    [job] = jobs.iterdir()
    assert other_uri in warning
    assert str(job / "journal") in warning
    tracker = open_tracker(other_uri)
    recover(tracker_folder(job / "journal", other_uri), lambda: tracker)
    other = (job / "std_log.txt").read_text().strip()
    assert [each.value for each in tracker.read_points(other)] == list(range(1000))
