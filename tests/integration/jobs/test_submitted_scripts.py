"""What a submitted script finds: its run, its variables, its folder and its arguments."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from azureml.core import RunConfiguration, ScriptRunConfig
from azureml.core.runconfig import PyTorchConfiguration
from azureml.exceptions import UserErrorException
from azureml.widgets import RunDetails
from helpers.submitted_jobs import (
    SOON,
    agents,
    error_of,
    log_of,
    scripts,
    submit,
    until,
    wait_for_end,
)


def go() -> None:
    """Let the script of the one job go on, which waits for the file ``logs/go``."""
    [work] = Path(os.environ["AMLFLOW_JOBS"]).glob("*/work")
    (work / "logs" / "go").touch()


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
