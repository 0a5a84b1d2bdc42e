"""The guide's submitted scripts, on a database and against a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from azureml.core import ScriptRunConfig
from helpers.submitted_jobs import new_experiment, script, scripts
from stories import CHILD, HELLO_WITH_DELAY, cancel_a_script, create_children, submit_children

pytestmark = pytest.mark.usefixtures("jobs")


@pytest.fixture(params=["sqlite", "server", "trackio"])
def exp(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", request.getfixturevalue(f"{request.param}_uri"))
    return new_experiment()


ON_SQLITE = pytest.mark.parametrize("exp", ["sqlite"], indirect=True)
ON_A_SERVER = pytest.mark.parametrize("exp", ["server"], indirect=True)
"""For what no store decides. Many processes start faster where none imports MLflow."""


def test_cancel(exp: Any, jobs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cancel_a_script(exp, capsys)
    assert not scripts(jobs)


@ON_SQLITE
def test_fail_ends_the_script(exp: Any, jobs: Path) -> None:
    script(HELLO_WITH_DELAY, "hello_with_delay.py", ".")
    src = ScriptRunConfig(source_directory=".", script="hello_with_delay.py")
    local_run = exp.submit(src)
    local_run.fail()
    assert local_run.get_status() == "Failed"
    assert not scripts(jobs)


def test_children(exp: Any, capsys: pytest.CaptureFixture[str]) -> None:
    create_children(exp, capsys)


@pytest.mark.parametrize("exp", ["server", "trackio"], indirect=True)
def test_a_parent_submits_children(exp: Any) -> None:
    Path(".azureml").mkdir()
    Path(".azureml/compute.yaml").write_text("gpu-cluster:\n  kind: local\n  max_runs: 2\n")
    submit_children(exp)


@ON_A_SERVER
def test_a_grandchild_logs_to_the_root(exp: Any) -> None:
    script(CHILD, "child.py", ".")
    middle = """
        from azureml.core import Run, ScriptRunConfig
        child = Run.get_context().submit_child(
            ScriptRunConfig(".", script="child.py", arguments=["--fruit", "Fig"])
        )
        child.wait_for_completion()
    """
    script(middle, "middle.py", ".")
    script(
        middle.replace("child.py", "middle.py").replace('["--fruit", "Fig"]', "[]"), "top.py", "."
    )
    Path(".azureml").mkdir()
    # A parent that waits keeps its place, so the default of one run a core may not do.
    Path(".azureml/compute.yaml").write_text("local:\n  kind: local\n  max_runs: 3\n")
    run = exp.submit(ScriptRunConfig(source_directory=".", script="top.py"))
    assert run.wait_for_completion()["status"] == "Completed"
    [grandchild] = [each for each in run.get_children(recursive=True) if each.get_metrics()]
    assert grandchild.parent.parent.id == run.id
    assert run.get_metrics()["MyMetric"] == f"Data from child run {grandchild.id}"
