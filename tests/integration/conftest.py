"""Fixtures: a workspace, an experiment and a run. Each test has its own database."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from helpers.tls_fixtures import (  # noqa: F401
    authority,
    bundle,
    no_settings,
    server,
    tls_server,
)
from helpers.tools import need


@pytest.fixture
def workspace(store: str) -> Workspace:
    return Workspace.from_config()


@pytest.fixture
def experiment(workspace: Workspace) -> Experiment:
    return Experiment(workspace, "explore")


@pytest.fixture
def run(experiment: Experiment) -> Run:
    return experiment.start_logging(snapshot_directory=None)


@pytest.fixture
def git_repository(folder: Path) -> str:
    """The working folder as a git work tree with one commit, whose id is returned."""

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=trunk")
        done = subprocess.run(
            [need("git"), *identity, *arguments],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    git("init")
    git("remote", "add", "origin", "https://user:secret@example.com/project.git")
    (folder / "train.py").write_text("print(1)")
    git("add", "train.py")
    git("commit", "-m", "first")
    return git("rev-parse", "HEAD")
