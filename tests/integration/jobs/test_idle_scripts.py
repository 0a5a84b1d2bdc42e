"""A script that waits for another run leaves its place in the queue to others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from helpers.submitted_jobs import error_of, submit, wait_for_end

ONE = "local:\n  kind: local\n  max_runs: 1\n"
PARENT = """
    import sys
    from azureml.core import Run, ScriptRunConfig

    run = Run.get_context()
    deeper = int(sys.argv[1])
    if deeper:
        child = run.submit_child(ScriptRunConfig(".", "script.py", arguments=[str(deeper - 1)]))
        child.wait_for_completion()
    run.log("deeper", deeper)
"""


def test_scripts_that_wait_for_their_children_fill_no_queue(experiment: Any) -> None:
    Path(".azureml").mkdir(exist_ok=True)
    Path(".azureml/compute.yaml").write_text(ONE)
    runs = [submit(experiment, PARENT, arguments=["2"]) for _ in range(2)]
    for run in runs:
        assert wait_for_end(run) == "Completed", error_of(run)
    found = [run.get_metrics(recursive=True) for run in runs]
    assert [sorted(each["deeper"] for each in tree.values()) for tree in found] == [[0, 1, 2]] * 2
