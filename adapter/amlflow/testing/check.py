"""The tests that ``amlflow plugins check`` runs: the suites, for an installed plugin."""

from __future__ import annotations

import os

import pytest

from amlflow.plugins import open_cluster, open_compute
from amlflow.spec import Cluster, Compute
from amlflow.testing.cluster_suite import ClusterSuite
from amlflow.testing.compute_suite import ComputeSuite
from amlflow.testing.tracker_suite import TrackerSuite


class TestTracker(TrackerSuite):
    """The suite for the tracker at the address that the plugin states."""

    @pytest.fixture
    def uri(self, tmp_path_factory: pytest.TempPathFactory) -> str:
        folder = tmp_path_factory.getbasetemp()
        return os.environ["AMLFLOW_CHECK_URI"].replace("{folder}", str(folder))


class TestCompute(ComputeSuite):
    """The suite for a compute target of the kind that the plugin states, without settings."""

    @pytest.fixture
    def compute(self) -> Compute:
        return open_compute(os.environ["AMLFLOW_CHECK_KIND"], {})


class TestCluster(ClusterSuite):
    """The suite for a cluster of the kind that the plugin states, without settings."""

    start_seconds = 3.0

    @pytest.fixture
    def cluster(self) -> Cluster:
        kind = os.environ["AMLFLOW_CHECK_CLUSTER"]
        cluster = open_cluster(kind, {})
        if cluster is None:
            pytest.fail(f"No plugin offers the kind {kind!r} as a cluster.")
        return cluster

    @pytest.fixture
    def opening(self) -> str:
        kind = os.environ["AMLFLOW_CHECK_CLUSTER"]
        return f"from amlflow.plugins import open_cluster\ncluster = open_cluster({kind!r}, {{}})"
