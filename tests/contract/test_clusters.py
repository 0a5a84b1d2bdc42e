"""Each cluster passes the conformance suite."""

from __future__ import annotations

import pytest
from amlflow.plugins import open_cluster
from amlflow.spec import Cluster
from amlflow.testing.cluster_suite import ClusterSuite
from amlflow.testing.memory_cluster import MemoryCluster


class TestMemory(ClusterSuite):
    @pytest.fixture
    def cluster(self) -> Cluster:
        return MemoryCluster()


class TestSlurm(ClusterSuite):
    @pytest.fixture
    def cluster(self, slurm: str) -> Cluster:
        cluster = open_cluster("slurm", {"partition": "main"})
        assert cluster is not None
        return cluster
