"""Workspaces whose tracker has a model registry or lacks one, and objects to register there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from amlflow import plugins
from amlflow.core.experiment import Experiment
from amlflow.core.models.model import Model
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from amlflow.layers import stack
from amlflow.spec import (
    Tracker,
    hookimpl,
)
from amlflow.testing.memory import MemoryTracker

from helpers.tracker_without_features import BareTracker

URI = "memory://models"


@pytest.fixture(params=[MemoryTracker, BareTracker], ids=["native", "in layers"])
def workspace(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workspace]:
    """A workspace on the tracker that the test names, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", URI)
    monkeypatch.delenv("AML_APP_ROOT", raising=False)
    tracker = request.param(URI)

    @hookimpl
    def amlflow_tracker(uri: str) -> Tracker | None:
        return tracker if uri == URI else None

    module = ModuleType("models")
    module.amlflow_tracker = amlflow_tracker  # type: ignore[attr-defined]
    manager = plugins.load_plugins().manager
    manager.register(module, name="models")
    monkeypatch.setattr(plugins, "_trackers", type(plugins._trackers)())
    monkeypatch.setattr(stack, "_open_trackers", stack.OpenTrackers())
    yield Workspace("s", "g", "w")
    manager.unregister(module)


@pytest.fixture
def run(workspace: Workspace) -> Run:
    """A run that has started."""
    return Experiment(workspace, "training").start_logging(snapshot_directory=None)


def write(path: str, text: str = "content") -> str:
    """Write a file with its folders, and return its path."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)
    return path


class Data:
    """An object that looks like a data set."""

    def __init__(self, identity: str) -> None:
        self.id = identity


def register(workspace: Workspace, name: str = "my-model", **values: Any) -> Model:
    """Register a file `model.pkl` as a version of a model."""
    return Model.register(workspace, write("model.pkl"), name, **values)
