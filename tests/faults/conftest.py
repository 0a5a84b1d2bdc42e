"""Tests here submit: each has a database and jobs of its own."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import slurm_faults, submitted_jobs
from helpers.slurm_jobs import TARGETS
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


@pytest.fixture(scope="session")
def own_slurm() -> Iterator[slurm_faults.Daemons]:
    """A Slurm of these tests' own, whose daemons they end."""
    # Munge has another user, and each start of a pytest closes pytest's folder to others.
    made = tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True)
    with made as folder, slurm_faults.own_daemons(Path(folder)) as daemons:
        yield daemons


@pytest.fixture
def on_slurm(
    folder: Path,
    jobs: Path,
    server_uri: str,
    own_slurm: slurm_faults.Daemons,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    """An experiment whose targets are partitions of that Slurm."""
    (folder / ".azureml").mkdir()
    (folder / ".azureml" / "compute.yaml").write_text(TARGETS + slurm_faults.MORE_TARGETS)
    monkeypatch.setenv("SLURM_CONF", own_slurm.conf)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server_uri)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("amlflow_slurm.kept.MIN_AGE_S", 0.5)
    jobs.mkdir(parents=True)
    return submitted_jobs.new_experiment()
