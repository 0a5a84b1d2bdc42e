"""Submitting a script: the run's record, the script's surroundings, and the end."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from amlflow.jobs import snapshot
from amlflow.jobs.queue import Queue
from azureml.core import Environment, Run, RunConfiguration, ScriptRunConfig
from azureml.core.conda_dependencies import CondaDependencies
from azureml.exceptions import ActivityFailedException, UserErrorException
from helpers.submitted_jobs import (
    agents,
    error_of,
    log_of,
    script,
    scripts,
    submit,
    until,
    wait_for_end,
)


def test_a_script_runs_as_a_tracked_run(experiment: Any, jobs: Path) -> None:
    run = submit(
        experiment,
        """
        import os, pathlib, sys
        print("arguments", sys.argv[1:])
        print("folder", sorted(os.listdir()))
        pathlib.Path("outputs/model.txt").write_text("weights")
        pathlib.Path("outputs/deep/er").mkdir(parents=True)
        pathlib.Path("outputs/deep/er/x.txt").write_text("x")
        pathlib.Path("logs/events.log").write_text("event")
        """,
        tags={"quality": "good", "bare": None},
        arguments=["--rate", 0.5, 3, "a b", "$HOME", "$UNSET"],
    )
    assert run.get_status() in ("Preparing", "Running", "Finalizing", "Completed")
    assert run.type == "azureml.scriptrun"
    assert run.wait_for_completion()["status"] == "Completed"
    arguments = ["--rate", "0.5", "3", "a b", os.environ["HOME"], "$UNSET"]
    assert f"arguments {arguments}" in log_of(run)
    assert "folder ['logs', 'outputs', 'script.py']" in log_of(run)
    assert run.get_file_names() == [
        "logs/events.log",
        "outputs/deep/er/x.txt",
        "outputs/model.txt",
        "user_logs/std_log.txt",
    ]
    assert run.get_tags() == {"quality": "good", "bare": None}
    details = run.get_details()
    assert details["target"] == "local"
    assert details["startTimeUtc"] < details["endTimeUtc"]
    definition = details["runDefinition"]
    assert definition["script"] == "script.py"
    assert definition["arguments"] == ["--rate", "0.5", "3", "a b", "$HOME", "$UNSET"]
    assert definition["target"] == "local"
    assert "error" not in details
    until(lambda: not agents(jobs), what="the agent's own end")
    assert not list(jobs.iterdir()), "a job's folder is left"


def test_submit_returns_at_once_and_other_processes_see_the_run(experiment: Any) -> None:
    run = submit(experiment, "import time; time.sleep(600)")
    until(lambda: run.get_status() == "Running")
    assert Run(experiment, run.id).get_status() == "Running"
    assert run.get_details()["startTimeUtc"]
    run.cancel()


@pytest.mark.parametrize("killed", [False, True])
def test_mlflows_page_shows_no_status_of_before_the_end(experiment: Any, killed: bool) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(experiment.workspace.get_mlflow_tracking_uri())
    run = submit(experiment, "import time; time.sleep(600)" if killed else "pass")
    if killed:
        until(lambda: run.get_status() == "Running")
        client.set_terminated(run.id, "KILLED")
    wanted = "Canceled" if killed else "Completed"
    assert wait_for_end(run) == wanted
    until(lambda: client.get_run(run.id).data.tags["amlflow.status"] == wanted)
    # Another client may continue a run that has ended.
    client.update_run(run.id, status="RUNNING")
    assert Run(experiment, run.id).get_status() == "Running"


def test_a_child_that_was_made_before_it_started(experiment: Any) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(experiment.workspace.get_mlflow_tracking_uri())
    with experiment.start_logging(snapshot_directory=None) as parent:
        [child] = parent.create_children(1)
        child.start()
        child.complete()
    tags = [client.get_run(run.id).data.tags.get("amlflow.status") for run in (parent, child)]
    assert tags == [None, "Completed"]


def test_the_same_folder_is_stored_once(experiment: Any) -> None:
    runs = [submit(experiment, "pass") for _ in range(2)]
    other = submit(experiment, "print()")
    ids = [run.get_snapshot_id() for run in (*runs, other)]
    assert ids[0] == ids[1] != ids[2]
    assert {wait_for_end(run) for run in (*runs, other)} == {"Completed"}


def test_a_snapshot_comes_back_and_can_be_submitted_again(experiment: Any) -> None:
    run = submit(experiment, "print('from the snapshot')")
    restored = Path(run.restore_snapshot(path="restored"))
    assert (restored / "script.py").read_text() == "print('from the snapshot')"
    Path("src/script.py").write_text("print('changed')")
    again = experiment.submit(
        ScriptRunConfig(source_directory="src", script="script.py"),
        snapshot_id=run.get_snapshot_id(),
    )
    assert wait_for_end(again) == "Completed"
    assert "from the snapshot" in log_of(again)
    assert again.get_snapshot_id() == run.get_snapshot_id()


@pytest.mark.parametrize("form", [str, list])
def test_a_command(experiment: Any, form: type) -> None:
    words = [sys.executable, "-c", "import sys; print(sys.argv)", "a b"]
    command = words if form is list else " ".join(f"'{word}'" for word in words)
    run = submit(experiment, "", script=None, command=command)
    assert wait_for_end(run) == "Completed", run.get_details()
    assert "['-c', 'a b']" in log_of(run)


def test_environment_variables_and_interpreter(experiment: Any) -> None:
    config = RunConfiguration()
    config.environment_variables = {"COLOUR": "green"}
    config.environment.environment_variables = {"COLOUR": "red", "SHAPE": "round"}
    config.environment.python.interpreter_path = sys.executable
    config.environment.python.conda_dependencies = CondaDependencies(
        _underlying_structure={"variables": {"COLOUR": "blue", "SIZE": "${COLOUR}"}}
    )
    names = "'COLOUR', 'SHAPE', 'SIZE'"
    run = submit(
        experiment,
        f"import os, sys; print(*map(os.environ.get, [{names}]), sys.executable)",
        run_config=config,
    )
    assert wait_for_end(run) == "Completed"
    assert f"green round ${{COLOUR}} {sys.executable}" in log_of(run)


def test_another_interpreter(experiment: Any, tmp_path: Path) -> None:
    other = tmp_path / "bin" / "python"
    other.parent.mkdir()
    other.write_text(f'#!/bin/sh\necho another interpreter\nexec {sys.executable} "$@"\n')
    other.chmod(0o755)
    environment = Environment("other")
    environment.python.interpreter_path = str(other)
    run = submit(experiment, "print('script')", environment=environment)
    assert wait_for_end(run) == "Completed"
    assert log_of(run).splitlines()[:2] == ["another interpreter", "script"]


def test_a_failing_script(experiment: Any) -> None:
    run = submit(
        experiment,
        """
        import sys
        print("much" * 10)
        print("the reason", file=sys.stderr)
        for number in range(100):
            print("and on", number)
        sys.exit(3)
        """,
    )
    with pytest.raises(ActivityFailedException, match="exit code 3"):
        run.wait_for_completion()
    assert run.get_status() == "Failed"
    assert "exit code 3" in error_of(run)
    assert error_of(run).endswith("the reason")
    assert run.wait_for_completion(raise_on_error=False)["status"] == "Failed"


def test_a_traceback_is_in_the_error(experiment: Any) -> None:
    run = submit(experiment, "raise ValueError('too hot')")
    assert wait_for_end(run) == "Failed"
    assert error_of(run).endswith("ValueError: too hot")


def test_a_script_ended_by_a_signal_names_it(experiment: Any) -> None:
    run = submit(experiment, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert wait_for_end(run) == "Failed"
    assert "SIGKILL" in error_of(run)


def test_the_most_seconds_of_a_run(experiment: Any, jobs: Path) -> None:
    run = submit(experiment, "import time; time.sleep(600)", max_run_duration_seconds=1)
    assert wait_for_end(run) == "Canceled"
    assert "max_run_duration_seconds=1" in error_of(run)
    assert not scripts(jobs)


def test_what_a_script_leaves_running_ends_with_it(experiment: Any, jobs: Path) -> None:
    run = submit(
        experiment,
        "import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True)",
    )
    assert wait_for_end(run) == "Completed"
    assert not scripts(jobs)


def test_resume_from_is_ignored_with_a_warning(
    experiment: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "amlflow"):
        run = submit(experiment, "pass", resume_from=object())
    assert "resume_from is ignored" in caplog.text
    assert wait_for_end(run) == "Completed"


def test_a_file_of_packages_is_not_read_where_the_user_manages_them(experiment: Any) -> None:
    settings = RunConfiguration()
    settings.environment.python.conda_dependencies_file = ".azureml/conda_dependencies.yml"
    settings.environment.python.user_managed_dependencies = True
    assert wait_for_end(submit(experiment, "pass", run_config=settings)) == "Completed"
    settings.environment.python.user_managed_dependencies = False
    with pytest.raises(UserErrorException, match=r"conda_dependencies\.yml' does not exist"):
        submit(experiment, "pass", run_config=settings)


def test_the_packages_that_a_script_names_are_kept(
    experiment: Any, caplog: pytest.LogCaptureFixture
) -> None:
    environment = Environment("e")
    environment.python.user_managed_dependencies = True
    environment.python.conda_dependencies = CondaDependencies.create(
        pip_packages=["scikit-learn==1.0", "git+https://me:secret@example.com/x.git"],
        pip_indexurl="https://me:secret@example.com/simple",
        python_version="3.8",
    )
    with caplog.at_level(logging.WARNING, "amlflow"):
        run = submit(experiment, "pass", environment=environment)
    assert wait_for_end(run) == "Completed"
    details = run.get_details()
    python = details["runDefinition"]["environment"]["python"]
    assert python["condaDependencies"]["dependencies"] == [
        "python=3.8",
        "pip",
        {
            "pip": [
                "--index-url https://***@example.com/simple",
                "scikit-learn==1.0",
                "git+https://***@example.com/x.git",
            ]
        },
    ]
    assert "secret" not in caplog.text + json.dumps(details)


def test_more_packages_than_can_be_kept(experiment: Any) -> None:
    environment = Environment("e")
    environment.python.user_managed_dependencies = True
    packages = [f"a-package-with-a-long-name-{number}==1.0" for number in range(2_000)]
    environment.python.conda_dependencies.set_pip_requirements(packages)
    run = submit(experiment, "pass", environment=environment, arguments=["kept"])
    definition = run.get_details()["runDefinition"]
    assert definition["environment"]["python"]["condaDependencies"] == "(too long to keep)"
    assert definition["arguments"] == ["kept"]
    assert wait_for_end(run) == "Completed"


def test_times_of_a_run_are_the_scripts(experiment: Any) -> None:
    before = time.time()
    run = submit(experiment, "import time; time.sleep(0.5)")
    assert wait_for_end(run) == "Completed"
    record = run._record
    assert before < record.started.timestamp() < record.ended.timestamp() - 0.5 < time.time()


def test_a_list_is_submitted_one_by_one_on_this_machine(experiment: Any) -> None:
    script("import sys; print(sys.argv[1:])")
    configs = [ScriptRunConfig("src", "script.py", arguments=[word]) for word in ("a", "b")]
    with experiment.start_logging(snapshot_directory=None) as parent:
        runs = parent.submit_child(configs, tags={"sweep": "1"})
    for run, word in zip(runs, ("a", "b"), strict=True):
        assert wait_for_end(run) == "Completed"
        assert f"['{word}']" in log_of(run)
        assert (run.parent.id, run.get_tags()["sweep"]) == (parent.id, "1")


def test_an_upload_of_a_snapshot_begins_before_the_submit_waits_for_the_queue(
    experiment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise two submits of large folders take turns, and jobs that end wait for both."""
    begun, keep, lock = threading.Event(), snapshot.keep, Queue.lock

    def keep_noted(*given: Any) -> None:
        begun.set()
        keep(*given)

    @contextlib.contextmanager
    def lock_later(queue: Queue) -> Iterator[None]:
        assert begun.wait(10)
        with lock(queue):
            yield

    monkeypatch.setattr(snapshot, "keep", keep_noted)
    monkeypatch.setattr(Queue, "lock", lock_later)
    monkeypatch.setattr(Queue, "start", lambda queue: None)  # no agent is needed
    assert submit(experiment, "").id
