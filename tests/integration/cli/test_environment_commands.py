"""`amlflow environment …`: registered environments, those made on this machine, those of runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from amlflow.cli import main
from amlflow.environments import kept, kept_rooms
from azureml.core import Environment, Experiment, Workspace
from azureml.core.conda_dependencies import CondaDependencies
from helpers import wheels
from helpers.submitted_jobs import submit, until, wait_for_end
from helpers.tiny_environments import only_links, set_variables


@pytest.fixture
def workspace(store: str, jobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with the environment "tiny", whose package is in a folder of wheels."""
    for version in ("1.0", "2.0"):
        wheels.write_tiny(tmp_path / "wheels", "amlflow-tiny", version)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing")  # images are not the tests' own
    set_variables(monkeypatch, only_links(tmp_path / "wheels"))
    workspace = Workspace.from_config()
    tiny_environment("1.0").register(workspace)
    return workspace


def tiny_environment(version: str) -> Environment:
    environment = Environment("tiny")
    packages = [f"amlflow-tiny=={version}"]
    environment.python.conda_dependencies = CondaDependencies.create(pip_packages=packages)
    return environment


@pytest.fixture
def amlflow(capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command: its exit code, what it prints as JSON, and what is on stderr."""

    def run(*words: str) -> tuple[int, Any, str]:
        capsys.readouterr()
        code = main(["environment", *words])
        printed = capsys.readouterr()
        return code, json.loads(printed.out) if printed.out else None, printed.err

    return run


def test_what_is_made_here_is_listed_until_it_is_removed(
    workspace: Workspace, amlflow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, made, log = amlflow("build", "-n", "tiny")
    assert code == 0
    assert made["made"]
    assert made["packages"] == ["amlflow-tiny==1.0"]
    assert "Making the environment" in log
    _, again, _ = amlflow("build", "-n", "tiny")
    assert (again["made"], again["hash"]) == (False, made["hash"])

    _, [row], _ = amlflow("list")
    assert (row["name"], row["version"], row["hash"]) == ("tiny", "1", made["hash"])
    assert row["disk_bytes"] > 0
    assert row["last_used_utc"] >= row["registered_utc"]
    _, shown, _ = amlflow("show", "-n", "tiny", "-v", "1")
    assert (shown["versions"], shown["labels"]) == (["1"], [])
    assert shown["packages"] == ["amlflow-tiny==1.0"]

    code, _, error = amlflow("remove", "--hash", made["hash"])
    assert (code, "started in the last minutes" in error) == (1, True)
    monkeypatch.setattr(kept, "JUST_USED_S", 0)
    _, [unused], _ = amlflow("prune", "--older-than", "0", "--dry-run")
    assert unused["hash"] == made["hash"]
    assert kept.list_environments()
    assert amlflow("prune", "--older-than", "0")[1] == [unused]
    assert not kept.list_environments()
    amlflow("build", "-n", "tiny")
    amlflow("remove", "-n", "tiny")
    _, [row], _ = amlflow("list")
    assert (row["name"], row["hash"]) == (None, made["hash"])
    assert amlflow("remove", "--hash", made["hash"])[0] == 0
    assert amlflow("list")[1] == []
    assert len(amlflow("list", "--curated")[1]) > 60


def test_the_environment_of_a_run_comes_back(
    workspace: Workspace, experiment: Any, amlflow: Any, folder: Path
) -> None:
    environment = Environment.get(workspace, "tiny")
    run = submit(experiment, "import amlflow_tiny", environment=environment)
    assert wait_for_end(run) == "Completed"
    code, written, _ = amlflow("download", "-r", run.id, "-d", "again", "-e", experiment.name)
    assert (code, written["name"], written["version"]) == (0, "tiny", "1")
    assert Path("again/requirements.txt").read_text() == "amlflow-tiny==1.0\n"
    assert Environment.load_from_directory("again") == environment
    code, _, error = amlflow("download", "-n", "tiny", "-d", "again")
    assert (code, error) == (
        1, "ERROR: The folder 'again' exists already. Pass --overwrite to write into it.\n"
    )  # fmt: skip
    assert amlflow("download", "-n", "tiny", "-d", "again", "--overwrite")[0] == 0
    code, registered, _ = amlflow("register", "-d", "again")
    assert (code, registered["version"]) == (0, "1")


def test_what_a_job_that_waits_needs_is_kept(
    workspace: Workspace, experiment: Any, amlflow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs in the environment of the script that submitted it, which may have ended long ago."""
    Path(".azureml").mkdir(exist_ok=True)
    Path(".azureml/compute.yaml").write_text("local: {kind: local, max_runs: 1}")
    wait = """
        import pathlib, sys, time
        while not pathlib.Path(sys.argv[1]).exists():
            time.sleep(0.02)
    """
    code = f"""{wait}
        import amlflow_tiny
        from azureml.core import Run, ScriptRunConfig
        if len(sys.argv) == 2:
            config = ScriptRunConfig(".", "script.py", arguments=[sys.argv[1], "child"])
            Run.get_context().submit_child(config)
    """
    environment = Environment.get(workspace, "tiny")
    both, last = Path("both").absolute(), Path("last").absolute()
    parent = submit(experiment, code, environment=environment, arguments=[str(both)])
    between = submit(experiment, wait, arguments=[str(last)])
    both.touch()
    assert wait_for_end(parent) == "Completed", parent.get_details()["error"]
    monkeypatch.setattr(kept, "JUST_USED_S", 0)
    monkeypatch.setattr(kept_rooms, "MIN_UNUSED_S", 0)
    assert amlflow("prune", "--older-than", "0")[:2] == (0, [])
    [environment_here] = kept.list_environments()
    code, _, error = amlflow("remove", "--hash", environment_here.key)
    assert (code, "a script runs in it or waits for it" in error) == (1, True)
    last.touch()
    assert wait_for_end(between) == "Completed"
    [child] = parent.get_children()
    assert wait_for_end(child) == "Completed", child.get_details()["error"]
    removed = []

    def prune() -> bool:
        removed.extend(amlflow("prune", "--older-than", "0")[1])
        return len(removed) == 2

    until(prune)  # each of the two when nothing uses it any more


WRONG = [
    (["show", "-n", "other"], 3, "No environment 'other' is registered"),
    (["show", "-n", "tiny", "-v", "7"], 3, "has no version '7'"),
    (["show", "-n", "AzureML-other"], 3, "no definition for v1's curated environment"),
    (["remove", "-n", "other"], 3, "No environment 'other' is registered"),
    (["remove", "--hash", "abc"], 3, "This machine has no environment 'abc'"),
    (["remove"], 2, "needs either --name or --hash"),
    (["build"], 2, "needs either --name or --directory"),
    (["build", "-n", "a", "-d", "b"], 2, "needs either --name or --directory"),
    (["download", "-d", "x"], 2, "needs either --name or --run"),
    (["prune", "--older-than", "week"], 2, "needs a number of days, but got 'week'"),
    (["prune", "--older-than", "nan"], 2, "needs a number of days"),
    (["register", "-d", "nowhere"], 3, "The folder 'nowhere' has no azureml_environment.json"),
]


def test_what_is_wrong_is_said(workspace: Workspace, amlflow: Any) -> None:
    before = sorted(os.listdir())
    for words, code, message in WRONG:
        done, printed, error = amlflow(*words)
        assert (done, printed) == (code, None), words
        assert error.startswith("ERROR: "), words
        assert message in error
    assert sorted(os.listdir()) == before


def test_submit_script_runs_with_the_packages_of_its_run_configuration(
    cli: Any, store: str, folder: Path, jobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guide's line, as after ``folder attach`` and a package more in the file that it made."""
    wheels.write_tiny(tmp_path / "wheels", "amlflow-tiny", "1.0")
    set_variables(monkeypatch, only_links(tmp_path / "wheels"))
    (folder / "train.py").write_text(
        "import sys\nfrom azureml.core import Run\n"
        "try:\n    import amlflow_tiny\nexcept ImportError:\n    sys.exit('it is not there')\n"
        "Run.get_context().log('version', amlflow_tiny.VERSION)\nprint('with', sys.prefix)\n"
    )
    cli("folder", "attach", "-w", "w", "-e", "testexperiment")
    (folder / ".azureml/local.runconfig").rename(folder / ".azureml/sklearn.runconfig")
    words = ("run", "submit-script", "-c", "sklearn", "-e", "testexperiment", "train.py")
    before = cli(*words)
    assert (before.code, json.loads(before.out)["status"]) == (1, "Failed")
    assert "it is not there" in before.err

    packages = folder / ".azureml/conda_dependencies.yml"
    packages.write_text(f"{packages.read_text()}  - amlflow-tiny\n")
    done = cli(*words)
    assert (done.code, done.json["status"]) == (0, "Completed")
    assert f"with {os.environ['AMLFLOW_ENVIRONMENTS']}" in done.err
    run, _ = Experiment(Workspace.from_config(), "testexperiment").get_runs()
    assert run.get_metrics() == {"version": "1.0"}
    assert run.get_details()["environment"]["packages"] == ["amlflow-tiny==1.0"]
