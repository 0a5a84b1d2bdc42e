"""The guide's stories of submitted scripts, for any compute target.

Each takes an experiment and what its configurations have besides source and script.
"""

from __future__ import annotations

from typing import Any

import pytest
from azureml.core import Run, ScriptRunConfig
from helpers.submitted_jobs import script, wait_for_end

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


def cancel_a_script(exp: Any, capsys: pytest.CaptureFixture[str], **config: Any) -> Any:
    """A script that waits is cancelled; its run."""
    script(HELLO_WITH_DELAY, "hello_with_delay.py", ".")
    src = ScriptRunConfig(source_directory=".", script="hello_with_delay.py", **config)
    local_run = exp.submit(src)
    print(local_run.get_status())
    local_run.cancel()
    print(local_run.get_status())
    first, second = capsys.readouterr().out.split()
    assert first in ("Preparing", "Queued", "Running")
    assert second in ("CancelRequested", "Canceled")
    assert wait_for_end(local_run) == "Canceled"
    return local_run


def create_children(exp: Any, capsys: pytest.CaptureFixture[str], **config: Any) -> None:
    """A script creates child runs of its own."""
    script(HELLO_WITH_CHILDREN, "hello_with_children.py", ".")
    src = ScriptRunConfig(source_directory=".", script="hello_with_children.py", **config)
    local_run = exp.submit(src)
    local_run.wait_for_completion(show_output=True)
    assert local_run.get_status() == "Completed"
    assert "Streaming user_logs/std_log.txt" in capsys.readouterr().out
    children = list(local_run.get_children())
    assert {child.get_status() for child in children} == {"Completed"}
    logged = [child.get_metrics()["Hello from child run "] for child in children]
    assert sorted(logged) == [0, 1, 2, 3, 4]


def submit_children(exp: Any, **config: Any) -> None:
    """A script submits child runs to the target ``gpu-cluster``, which is declared."""
    script(PARENT, "parent.py", ".")
    script(CHILD, "child.py", ".")
    run = exp.submit(ScriptRunConfig(source_directory=".", script="parent.py", **config))
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
