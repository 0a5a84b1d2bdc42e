"""Fixtures for tests that submit. Each test has its own database and its own folder of jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers import submitted_jobs


@pytest.fixture
def experiment(folder: Path, jobs: Path, sqlite_uri: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An experiment to submit to, on the test's own database."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite_uri)
    return submitted_jobs.new_experiment()
