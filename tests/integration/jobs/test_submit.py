"""Submitting a script: what the run knows, what the script finds, and how it ends."""

from __future__ import annotations

import json
import logging
import os
import stat
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from azureml.core import Environment, Run, RunConfiguration, ScriptRunConfig
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.runconfig import PyTorchConfiguration
from azureml.exceptions import ActivityFailedException, UserErrorException
from azureml.widgets import RunDetails
from helpers.submitted_jobs import (
    SOON,
    agents,
    error_of,
    log_of,
    script,
    scripts,
    submit,
    until,
    wait_for_end,
)


def go() -> None:
    """Let the script of the one job go on, which waits for the file ``logs/go``."""
    [work] = Path(os.environ["AMLFLOW_JOBS"]).glob("*/work")
    (work / "logs" / "go").touch()


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
        arguments=["--rate", 0.5, 3, "a b", "$HOME"],
    )
    assert run.get_status() in ("Preparing", "Running", "Finalizing", "Completed")
    assert run.type == "azureml.scriptrun"
    assert run.wait_for_completion()["status"] == "Completed"
    assert "arguments ['--rate', '0.5', '3', 'a b', '$HOME']" in log_of(run)
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
    assert definition["arguments"] == ["--rate", "0.5", "3", "a b", "$HOME"]
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
    # Another client may take up what has ended.
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
    run = submit(
        experiment,
        "import os, sys; print(os.environ['COLOUR'], os.environ['SHAPE'], sys.executable)",
        run_config=config,
    )
    assert wait_for_end(run) == "Completed"
    assert f"green round {sys.executable}" in log_of(run)


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


def test_the_script_finds_its_run(experiment: Any) -> None:
    run = submit(
        experiment,
        """
        import os, mlflow
        from azureml.core import Run
        run = Run.get_context()
        assert run is Run.get_context(allow_offline=False)
        assert run.parent is None
        assert run.id == os.environ["AZUREML_RUN_ID"]
        assert run.experiment.name == os.environ["AZUREML_ARM_PROJECT_NAME"]
        for name in ("SUBSCRIPTION", "RESOURCEGROUP", "WORKSPACE_NAME"):
            assert os.environ["AZUREML_ARM_" + name]
        assert os.environ["AZUREML_EXPERIMENT_ID"] and os.environ["AZUREML_SERVICE_ENDPOINT"]
        run.log("by_azureml", 1)
        mlflow.log_metric("by_mlflow", 2)
        print("status", run.get_status())
        run.create_children(count=2)
        with run:
            pass
        run.complete()
        mlflow.end_run()
        run.log("after", 3)
        run.fail("no effect")
        """,
    )
    assert run.wait_for_completion()["status"] == "Completed", log_of(run)
    assert run.get_metrics() == {"by_azureml": 1, "by_mlflow": 2.0, "after": 3}
    assert [child.parent.id for child in run.get_children()] == [run.id] * 2
    assert "status Running" in log_of(run)


def test_autolog_lands_in_the_run(experiment: Any) -> None:
    run = submit(
        experiment,
        """
        import mlflow
        from sklearn.linear_model import LogisticRegression
        mlflow.sklearn.autolog(log_models=False)
        LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
        """,
    )
    assert wait_for_end(run, 2 * SOON) == "Completed", log_of(run)
    assert run.get_metrics()["training_accuracy_score"] == 1.0
    assert [each.id for each in experiment.get_runs()] == [run.id]


def test_an_end_by_mlflows_client_in_the_script_is_not_the_runs(experiment: Any) -> None:
    run = submit(
        experiment,
        """
        import mlflow, pathlib, time
        with mlflow.start_run():
            mlflow.log_metric("a", 1)
        pathlib.Path("logs/ended").touch()
        while not pathlib.Path("logs/go").exists():
            time.sleep(0.05)
        raise SystemExit(7)
        """,
    )
    until(lambda: "logs/ended" in run.get_file_names())
    assert run.get_status() in ("Running", "Finalizing")
    go()
    assert wait_for_end(run) == "Failed"
    assert "exit code 7" in error_of(run)


def test_the_log_is_followed_while_the_script_runs(
    experiment: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    run = submit(
        experiment,
        """
        import pathlib, sys, time
        print("first")
        print("second", file=sys.stderr)
        while not pathlib.Path("logs/go").exists():
            time.sleep(0.05)
        print("third")
        """,
    )
    until(lambda: log_of(run) == "first\nsecond\n", what="the log as an artifact")
    go()
    run.wait_for_completion(show_output=True)
    printed = capsys.readouterr().out
    link = run.get_portal_url()
    head = f"RunId: {run.id}\nWeb View: {link}\n\n"
    assert printed == (
        f"{head}Streaming user_logs/std_log.txt\n===============================\n\n"
        f"first\nsecond\nthird\n\nExecution Summary\n=================\n{head}"
    )
    assert log_of(run) == "first\nsecond\nthird\n"
    RunDetails(run).show()  # in a terminal it prints the same
    assert capsys.readouterr().out == printed
    assert run.get_all_logs("got") == ["got/logs/go", "got/user_logs/std_log.txt"]


def test_no_secret_of_the_submitter_is_written(
    experiment: Any, jobs: Path, sqlite_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "s3cr3t-of-mine")
    config = RunConfiguration()
    config.environment_variables = {"PASSED_ON": "s3cr3t-of-mine"}
    run = submit(
        experiment,
        """
        import os, pathlib, time
        assert os.environ["PASSED_ON"] == os.environ["MY_TOKEN"]
        while not pathlib.Path("logs/go").exists():
            time.sleep(0.05)
        """,
        run_config=config,
    )
    [job] = jobs.iterdir()
    assert stat.S_IMODE(job.stat().st_mode) == 0o700
    assert stat.S_IMODE((job / "job.json").stat().st_mode) == 0o600
    until((job / "work" / "logs").exists)
    for process in (*agents(jobs), *scripts(jobs)):
        assert "s3cr3t" not in " ".join(process.cmdline())
    go()
    assert wait_for_end(run) == "Completed"
    assert "PASSED_ON" in json.dumps(run.get_details())
    database = Path(sqlite_uri[len("sqlite:///") :])
    for path in (database, *database.parent.joinpath("mlruns").rglob("*")):
        if path.is_file():
            assert b"s3cr3t" not in path.read_bytes(), path
    # The run has its final status before the folder is removed.
    until(lambda: not list(jobs.iterdir()), what="an empty folder of jobs")


def test_nothing_of_amlflow_is_in_the_way_of_the_script(experiment: Any) -> None:
    run = submit(
        experiment,
        """
        import os, sys
        assert sys.path[0] == os.getcwd(), sys.path
        assert sys.stdin.read() == ""
        assert not [name for name in os.environ if name.startswith("AMLFLOW_AGENT")]
        print(os.getsid(0) == os.getpid())
        """,
    )
    assert wait_for_end(run) == "Completed", log_of(run)


def test_settings_that_would_be_left_out_are_refused(experiment: Any) -> None:
    for wrong in (
        {"distributed_job_config": PyTorchConfiguration(process_count=2, node_count=3)},
        {"max_run_duration_seconds": -1},
        {"arguments": [object()]},
        {"command": "true"},
    ):
        with pytest.raises(UserErrorException):
            submit(experiment, "pass", **wrong)
    with pytest.raises(UserErrorException, match="cannot be submitted"):
        experiment.submit(object())
    with pytest.raises(UserErrorException, match="nonsense"):
        experiment.submit(ScriptRunConfig("src", script="script.py"), nonsense=1)
    assert list(experiment.get_runs()) == []


def test_a_script_in_a_folder_imports_from_the_root_of_its_source(
    experiment: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, text in {
        "util/helper.py": "answer = 42",
        "evaluate/evaluate.py": (
            "import elsewhere, os\nfrom util.helper import answer\n"
            "print(answer, elsewhere.name, os.getcwd() in os.environ['PYTHONPATH'])"
        ),
    }.items():
        path = Path("src", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "elsewhere.py").write_text("name = 'of the submitter'")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    run = experiment.submit(ScriptRunConfig("src", script="evaluate/evaluate.py"))
    assert wait_for_end(run) == "Completed", log_of(run)
    assert log_of(run) == "42 of the submitter True\n"


def test_long_arguments_reach_the_script(experiment: Any) -> None:
    run = submit(experiment, "import sys; print(len(sys.argv[1]))", arguments=["x" * 50_000])
    assert wait_for_end(run) == "Completed"
    assert log_of(run) == "50000\n"


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
