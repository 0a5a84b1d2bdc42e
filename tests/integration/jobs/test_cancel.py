"""A submitted run is ended from outside: who can request it, and what is left."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from azureml.core import Run
from azureml.exceptions import UserErrorException
from helpers.submitted_jobs import (
    agents,
    alive,
    environment,
    find_agent,
    log_of,
    script,
    scripts,
    submit,
    until,
    wait_for_end,
)

TREE = """
    import os, pathlib, signal, subprocess, sys, time
    pathlib.Path("outputs/early.txt").write_text("kept")
    print("begun")
    sleeper = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    sleeper += "print('ready', flush=True); time.sleep(600)"
    children = [
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]),
        subprocess.Popen([sys.executable, "-c", sleeper], stdout=subprocess.PIPE),
        subprocess.Popen(
            [sys.executable, "-c", sleeper], stdout=subprocess.PIPE, start_new_session=True
        ),
        # Its parent ends at once, and it has nothing of the environment.
        subprocess.Popen(
            ["sh", "-c", "setsid env -i " + sys.executable + ' -c "$1" & echo $! 1>&2', "sh",
             sleeper], stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"]}
        ),
    ]
    for child in children[1:]:
        child.stdout.readline()
    pathlib.Path("logs/ready").write_text("")
    time.sleep(600)
"""


def ready(run: Any) -> None:
    until(lambda: "logs/ready" in run.get_file_names(), what="the whole tree")


def tree_of(jobs: Path) -> set[int]:
    """The processes of the script, those without its environment too."""
    agent = find_agent(jobs)
    return {process.pid for process in agent.children(recursive=True)}


def test_the_whole_tree_ends(experiment: Any, jobs: Path) -> None:
    run = submit(experiment, TREE)
    ready(run)
    pids = tree_of(jobs)
    assert len(pids) >= 5
    run.cancel()
    assert run.get_status() in ("CancelRequested", "Canceled")
    assert run.wait_for_completion()["status"] == "Canceled"
    assert not [pid for pid in pids if alive(pid)]
    assert "outputs/early.txt" in run.get_file_names()
    assert log_of(run).startswith("begun")
    assert run.get_details()["endTimeUtc"]


def test_a_script_that_ends_when_asked_has_time_for_it(experiment: Any) -> None:
    run = submit(
        experiment,
        """
        import pathlib, signal, sys, time
        def end(number, frame):
            pathlib.Path("outputs/last.txt").write_text("saved")
            print("saved")
            sys.exit(0)
        signal.signal(signal.SIGTERM, end)
        pathlib.Path("logs/ready").touch()
        time.sleep(600)
        """,
    )
    ready(run)
    run.cancel()
    assert wait_for_end(run) == "Canceled"
    assert "outputs/last.txt" in run.get_file_names()
    assert log_of(run) == "saved\n"


SUBMITTER = """
import os, signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # below nohup, or in the background, both are ignored
signal.signal(signal.SIGINT, signal.default_int_handler)
from azureml.core import Experiment, ScriptRunConfig, Workspace
experiment = Experiment(Workspace("sub", "group", "workspace"), sys.argv[1])
run = experiment.submit(ScriptRunConfig("src", script="script.py"))
print(run.id, flush=True)
time.sleep(600)
"""
CANCELLER = """
import sys
from azureml.core import Experiment, Workspace
experiment = Experiment(Workspace("sub", "group", "workspace"), sys.argv[1])
experiment.workspace.get_run(sys.argv[2]).cancel()
"""


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGHUP, signal.SIGINT])
def test_the_run_outlives_its_submitter(
    experiment: Any,
    jobs: Path,
    monkeypatch: pytest.MonkeyPatch,
    signal_number: signal.Signals,
) -> None:
    script("import pathlib, time; pathlib.Path('logs/ready').touch(); time.sleep(600)")
    submitter = subprocess.Popen(
        [sys.executable, "-c", SUBMITTER, experiment.name],
        stdout=subprocess.PIPE, text=True, env=environment(), start_new_session=True,
    )  # fmt: skip
    assert submitter.stdout is not None
    run_id = submitter.stdout.readline().strip()
    os.killpg(submitter.pid, signal_number)
    submitter.wait()
    run = Run(experiment, run_id)
    ready(run)
    if signal_number is signal.SIGKILL:
        # Another process on this machine.
        command = [sys.executable, "-c", CANCELLER, experiment.name, run_id]
        subprocess.run(command, env=environment(), check=True)
    elif signal_number is signal.SIGHUP:
        # Another machine, which shares nothing but the tracker.
        monkeypatch.setenv("AMLFLOW_JOBS", str(jobs.parent / "elsewhere"))
        run.cancel()
    else:
        run.cancel()
    assert wait_for_end(run) == "Canceled"
    assert not scripts(jobs)


def test_killed_in_mlflows_client(experiment: Any, jobs: Path, sqlite_uri: str) -> None:
    import mlflow

    run = submit(experiment, TREE)
    ready(run)
    pids = tree_of(jobs)
    client = mlflow.MlflowClient(sqlite_uri)
    client.set_terminated(run.id, "KILLED")
    assert run.get_status() == "Canceled"
    until(lambda: not [pid for pid in pids if alive(pid)], what="the tree's end")
    until(lambda: not agents(jobs), what="the agent's end")
    assert client.get_run(run.id).info.status == "KILLED"
    assert Run(experiment, run.id).get_status() == "Canceled"
    assert "outputs/early.txt" in run.get_file_names()


def test_fail_ends_the_script_as_failed(experiment: Any, jobs: Path) -> None:
    run = submit(experiment, TREE)
    ready(run)
    pids = tree_of(jobs)
    run.fail("no good", error_code="MyCode")
    assert run.get_status() == "Failed"
    assert run.get_details()["error"]["error"] == {"code": "MyCode", "message": "no good"}
    assert not [pid for pid in pids if alive(pid)]
    assert "outputs/early.txt" in run.get_file_names()


def test_complete_ends_the_script_as_completed(experiment: Any, jobs: Path) -> None:
    run = submit(experiment, TREE)
    ready(run)
    run.complete()
    assert run.get_status() == "Completed"
    assert not scripts(jobs)


@pytest.mark.parametrize("from_elsewhere", [True, False])
def test_an_agent_of_a_cancelled_run_does_not_start_it(
    experiment: Any,
    jobs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    from_elsewhere: bool,
) -> None:
    ran = tmp_path / "ran"
    held: list[Any] = []

    def hold(folder: Any, lock: int) -> None:
        held.append((folder, os.dup(lock)))

    from amlflow.jobs.launch import launch

    monkeypatch.setattr("amlflow.jobs.queue.launch", hold)
    run = submit(experiment, f"open({str(ran)!r}, 'w')")
    if from_elsewhere:  # cancelled on another machine
        monkeypatch.setenv("AMLFLOW_JOBS", str(jobs.parent / "elsewhere"))
    run.cancel()
    assert run.get_status() == "Canceled"
    launch(*held[0])
    os.close(held[0][1])
    until(lambda: not list(jobs.iterdir()), what="the agent's giving up")
    assert not ran.exists()
    assert run.get_status() == "Canceled"


def test_cancelling_twice_and_too_late(experiment: Any, caplog: pytest.LogCaptureFixture) -> None:
    run = submit(
        experiment,
        """
        import pathlib, signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        pathlib.Path('logs/ready').touch()
        time.sleep(600)
        """,
    )
    ready(run)
    run.cancel()
    assert run.get_status() == "CancelRequested"
    with caplog.at_level(logging.WARNING, "amlflow"):
        run.cancel()
    assert "being cancelled already" in caplog.text
    assert wait_for_end(run) == "Canceled"
    with pytest.raises(UserErrorException, match="is Canceled already"):
        run.cancel()
    done = submit(experiment, "pass")
    assert wait_for_end(done) == "Completed"
    with pytest.raises(UserErrorException, match="is Completed already"):
        done.cancel()


def test_a_submitted_run_that_completed_with_errors(experiment: Any, jobs: Path) -> None:
    run = submit(experiment, "pass")
    assert wait_for_end(run) == "Completed"
    Run(experiment, run.id).fail("a wrong training script")
    again = Run(experiment, run.id)
    assert again.get_status() == "Failed"
    assert again.get_details()["error"]["error"]["message"] == "a wrong training script"


def test_children_of_a_cancelled_parent_go_on(experiment: Any, jobs: Path) -> None:
    script("import pathlib, time; pathlib.Path('logs/ready').touch(); time.sleep(600)", "child.py")
    run = submit(
        experiment,
        """
        import pathlib, time
        from azureml.core import Run, ScriptRunConfig
        run = Run.get_context()
        child = run.submit_child(ScriptRunConfig(".", script="child.py"), tags={"a": "b"})
        pathlib.Path("logs/ready").touch()
        time.sleep(600)
        """,
    )
    ready(run)
    [child] = run.get_children()
    assert child.tags == {"a": "b"}
    assert child.parent.id == run.id
    ready(child)
    run.cancel()
    assert wait_for_end(run) == "Canceled"
    time.sleep(1)
    assert child.get_status() == "Running"
    assert len(scripts(jobs)) == 1
    child.cancel()
    assert wait_for_end(child) == "Canceled"


def test_why_it_was_cancelled_is_no_error(experiment: Any) -> None:
    run = submit(experiment, "import time; time.sleep(600)")
    run.cancel()
    assert run.wait_for_completion()["status"] == "Canceled"
    assert "error" not in run.get_details()
