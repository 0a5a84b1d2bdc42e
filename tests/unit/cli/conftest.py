"""Fixtures: the command line in this process, with a tracker in memory."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from amlflow.plugins import load_plugins
from amlflow.spec import hookimpl
from amlflow.testing.memory import MemoryTracker
from helpers.command_line import Cli


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


@pytest.fixture
def tracker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryTracker]:
    """The tracker of the folder's workspace."""
    tracker = MemoryTracker(f"memory://cli-{uuid.uuid4().hex}")  # one is kept for each URI
    plugin = SimpleNamespace(
        amlflow_tracker=hookimpl(lambda uri: tracker if uri == tracker.uri else None)
    )
    load_plugins().manager.register(plugin, name="cli-tests")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracker.uri)
    yield tracker
    load_plugins().manager.unregister(plugin)


@pytest.fixture
def experiment(tracker: MemoryTracker) -> Experiment:
    return Experiment(Workspace.from_config(), "explore")


@pytest.fixture
def run(experiment: Experiment, folder: Path) -> Run:
    """A run, in a folder with one script."""
    (folder / "t.py").write_text("")
    return experiment.start_logging(snapshot_directory=None)
