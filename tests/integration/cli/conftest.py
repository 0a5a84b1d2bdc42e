"""The command line in this process, and runs to list: fixtures for the tests of commands."""

from __future__ import annotations

import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from helpers.command_line import Cli


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


@pytest.fixture
def runs(experiment: Experiment) -> list[Run]:
    """Twelve runs, the newest first; the third has a child."""
    made = []
    for place in range(12):
        run = experiment.start_logging(snapshot_directory=None, display_name=f"number {place}")
        run.add_properties({"author": "azureml-user" if place % 2 else "somebody"})
        if place in (3, 7):
            run.set_tags({"quality": "fantastic run", "worth another look": None})
        made.insert(0, run)
    made[2].child_run(name="nested").complete()
    made[0].log("loss", 0.5)
    made[0].complete()
    return made
