"""The guide's submitted scripts, on a database and against a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from azureml.core import Run, ScriptRunConfig
from helpers.submitted_jobs import new_experiment, script, scripts, wait_for_end

pytestmark = pytest.mark.usefixtures("jobs")


@pytest.fixture(params=["sqlite", "server", "trackio"])
def exp(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", request.getfixturevalue(f"{request.param}_uri"))
    return new_experiment()


ON_SQLITE = pytest.mark.parametrize("exp", ["sqlite"], indirect=True)
ON_A_SERVER = pytest.mark.parametrize("exp", ["server"], indirect=True)
"""For what no store decides. Many processes start faster where none imports MLflow."""

HELLO_WITH_DELAY = """
    import time

    print("Wait for 10 seconds..")
    time.sleep(10)
    print("Done waiting")
"""
HELLO_WITH_CHILDREN = """
    from azureml.core import Run

    run = Run.get_context()

    child_runs = run.create_children(count=5)
    for c, child in enumerate(child_runs):
        child.log(name="Hello from child run ", value=c)
        child.complete()
"""
PARENT = """
    from azureml.core import Run, ScriptRunConfig

    run = Run.get_context()
    ws = run.experiment.workspace
    compute_target = ws.compute_targets["gpu-cluster"]

    child_args = ['Apple', 'Banana', 'Orange']
    for arg in child_args:
        run.log('Status', f'Launching {arg}')
        child_config = ScriptRunConfig(source_directory=".", script='child.py',
                                       arguments=['--fruit', arg], compute_target=compute_target)
        # Starts the run asynchronously
        run.submit_child(child_config)

    for child in run.get_children():
        child.wait_for_completion()
"""
CHILD = """
    import argparse
    from azureml.core import Run

    parser = argparse.ArgumentParser()
    parser.add_argument("--fruit")
    fruit = parser.parse_args().fruit

    def root_run(self : Run) -> Run :
        if self.parent is None :
            return self
        return root_run(self.parent)

    current_child_run = Run.get_context()
    current_child_run.log("fruit", fruit)
    print(current_child_run.parent.id)
    root_run(current_child_run).log("MyMetric", f"Data from child run {current_child_run.id}")
"""


def test_cancel(exp: Any, jobs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script(HELLO_WITH_DELAY, "hello_with_delay.py", ".")
    src = ScriptRunConfig(source_directory=".", script="hello_with_delay.py")
    local_run = exp.submit(src)
    print(local_run.get_status())
    local_run.cancel()
    print(local_run.get_status())
    first, second = capsys.readouterr().out.split()
    assert first in ("Preparing", "Queued", "Running")
    assert second in ("CancelRequested", "Canceled")
    assert wait_for_end(local_run) == "Canceled"
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
    script(HELLO_WITH_CHILDREN, "hello_with_children.py", ".")
    src = ScriptRunConfig(source_directory=".", script="hello_with_children.py")
    local_run = exp.submit(src)
    local_run.wait_for_completion(show_output=True)
    assert local_run.get_status() == "Completed"
    assert "Streaming user_logs/std_log.txt" in capsys.readouterr().out
    children = list(local_run.get_children())
    assert {child.get_status() for child in children} == {"Completed"}
    logged = [child.get_metrics()["Hello from child run "] for child in children]
    assert sorted(logged) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("exp", ["server", "trackio"], indirect=True)
def test_a_parent_submits_children(exp: Any) -> None:
    script(PARENT, "parent.py", ".")
    script(CHILD, "child.py", ".")
    Path(".azureml").mkdir()
    Path(".azureml/compute.yaml").write_text("gpu-cluster:\n  kind: local\n  max_runs: 2\n")
    run = exp.submit(ScriptRunConfig(source_directory=".", script="parent.py"))
    assert run.wait_for_completion()["status"] == "Completed"
    children = list(run.get_children())
    assert {child.get_status() for child in children} == {"Completed"}
    assert {child.get_details()["target"] for child in children} == {"gpu-cluster"}
    fruit = [child.get_metrics()["fruit"] for child in children]
    assert sorted(fruit) == ["Apple", "Banana", "Orange"]
    metrics = run.get_metrics()
    assert metrics["Status"] == [f"Launching {name}" for name in ("Apple", "Banana", "Orange")]
    assert sorted(metrics["MyMetric"]) == sorted(
        f"Data from child run {child.id}" for child in children
    )
    assert all(Run(exp, child.id).parent.id == run.id for child in children)


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
