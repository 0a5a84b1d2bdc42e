"""Fixtures: the command line in this process, with a tracker in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from amlflow.testing.memory import MemoryTracker
from helpers.command_line import Cli
from helpers.memory_workspace import configured_tracker


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


@pytest.fixture
def tracker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryTracker]:
    """The tracker of the folder's workspace."""
    with configured_tracker("cli-tests", monkeypatch) as tracker:
        yield tracker


@pytest.fixture
def experiment(tracker: MemoryTracker) -> Experiment:
    return Experiment(Workspace.from_config(), "explore")


@pytest.fixture
def run(experiment: Experiment, folder: Path) -> Run:
    """A run, in a folder with one script."""
    (folder / "t.py").write_text("")
    return experiment.start_logging(snapshot_directory=None)
