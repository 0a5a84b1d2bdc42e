"""Each cluster passes the conformance suite."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest
from amlflow.plugins import open_cluster
from amlflow.spec import Cluster
from amlflow.testing.cluster_suite import ClusterSuite
from amlflow.testing.memory_cluster import MemoryCluster
from amlflow.testing.memory_spread import NODE
from amlflow.testing.suites.cluster_away import Outage

StandIn = Callable[[dict[str, str]], contextlib.AbstractContextManager[None]]


class TestMemory(ClusterSuite):
    @pytest.fixture
    def cluster(self) -> Cluster:
        return MemoryCluster()

    @pytest.fixture
    def opening(self) -> str:
        return "from amlflow.testing.memory_cluster import MemoryCluster\ncluster = MemoryCluster()"

    @pytest.fixture
    def reopened(self, cluster: MemoryCluster) -> Cluster:
        return cluster.reopen()

    @pytest.fixture
    def outage(self, cluster: MemoryCluster) -> Outage:
        return functools.partial(mock.patch.object, cluster, "is_away", new=True)

    @pytest.fixture
    def lost_answer(self, cluster: MemoryCluster) -> Outage:
        return functools.partial(mock.patch.object, cluster, "loses_answers", new=True)

    @pytest.fixture
    def node_variable(self) -> str:
        return NODE


class TestSlurm(ClusterSuite):
    start_seconds = 3.0

    @pytest.fixture
    def cluster(self, slurm: str, monkeypatch: pytest.MonkeyPatch) -> Cluster:
        monkeypatch.setattr("amlflow_slurm.kept.MIN_AGE_S", 2.0)  # some tests wait for a new answer
        cluster = open_cluster("slurm", {"partition": "main"})
        assert cluster is not None
        return cluster

    @pytest.fixture
    def opening(self) -> str:
        return (
            "from amlflow.plugins import open_cluster\n"
            "cluster = open_cluster('slurm', {'partition': 'main'})"
        )

    @pytest.fixture
    def node_variable(self) -> str:
        return "SLURM_NODEID"

    @pytest.fixture
    def outage(self, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Outage:
        monkeypatch.setattr("amlflow_slurm.cluster.RETRY_S", 0)
        message = "Unable to contact slurm controller (connect failure)"
        away = f"echo '{message}' >&2; exit 1"
        return lambda: stand_in(dict.fromkeys(("sbatch", "squeue", "scancel"), away))

    @pytest.fixture
    def lost_answer(self, stand_in: StandIn) -> Outage:
        message = "Socket timed out on send/recv operation"
        lost = f"{shutil.which('sbatch')} \"$@\"; echo '{message}' >&2; exit 1"
        return lambda: stand_in({"sbatch": lost})

    @pytest.fixture
    def stand_in(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
        """A function whose context manager puts scripts in the place of Slurm's commands."""
        folder = tmp_path / "commands"

        @contextlib.contextmanager
        def use(scripts: dict[str, str]) -> Iterator[None]:
            folder.mkdir()
            for name, script in scripts.items():
                (folder / name).write_text(f"#!/bin/sh\n{script}\n")
                (folder / name).chmod(0o755)
            with monkeypatch.context() as patched:
                patched.setenv("PATH", str(folder), prepend=os.pathsep)
                yield

        return use
