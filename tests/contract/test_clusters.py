"""Each cluster passes the conformance suite."""

from __future__ import annotations

import pytest
from amlflow.plugins import open_cluster
from amlflow.spec import Cluster
from amlflow.testing.cluster_suite import ClusterSuite
from amlflow.testing.memory_cluster import MemoryCluster
from amlflow.testing.memory_spread import NODE


class TestMemory(ClusterSuite):
    @pytest.fixture
    def cluster(self) -> Cluster:
        return MemoryCluster()

    @pytest.fixture
    def opening(self) -> str:
        return "from amlflow.testing.memory_cluster import MemoryCluster\ncluster = MemoryCluster()"

    @pytest.fixture
    def node_variable(self) -> str:
        return NODE


class TestSlurm(ClusterSuite):
    start_seconds = 3.0

    @pytest.fixture
    def cluster(self, slurm: str) -> Cluster:
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
