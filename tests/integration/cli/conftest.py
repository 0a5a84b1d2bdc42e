"""The command line in this process, and runs to list: fixtures for the tests of commands."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from amlflow.cli import main
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


class Cli:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Done:
        self._capsys.readouterr()
        code = main(list(arguments))
        captured = self._capsys.readouterr()
        assert "Traceback" not in captured.err
        return Done(code, captured.out, captured.err)


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
