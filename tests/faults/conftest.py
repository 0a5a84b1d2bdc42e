"""Tests here submit: each has a database and jobs of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import submitted_jobs
from helpers.tools import need_mounts


@pytest.fixture
def experiment(folder: Path, jobs: Path, sqlite_uri: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An experiment to submit to, on the test's own database."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite_uri)
    return submitted_jobs.new_experiment()


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for 3 MB."""
    need_mounts()
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m,mode=700", "none", str(place)]
    subprocess.run(mount, check=True)
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)
