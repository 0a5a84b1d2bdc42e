"""A workspace, an experiment and a run on a database of the test's own."""

from __future__ import annotations

import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.run import Run
from amlflow.core.workspace import Workspace


@pytest.fixture
def workspace(store: str) -> Workspace:
    return Workspace.from_config()


@pytest.fixture
def experiment(workspace: Workspace) -> Experiment:
    return Experiment(workspace, "explore")


@pytest.fixture
def run(experiment: Experiment) -> Run:
    return experiment.start_logging(snapshot_directory=None)
