"""What ``amlflow plugins check`` runs: the suites on a plugin that is installed."""

from __future__ import annotations

import os

import pytest

from amlflow.plugins import open_compute
from amlflow.spec import Compute
from amlflow.testing.compute_suite import ComputeSuite
from amlflow.testing.tracker_suite import TrackerSuite


class TestTracker(TrackerSuite):
    """The tracker at the address that the plugin states."""

    @pytest.fixture
    def uri(self, tmp_path_factory: pytest.TempPathFactory) -> str:
        folder = tmp_path_factory.getbasetemp()
        return os.environ["AMLFLOW_CHECK_URI"].replace("{folder}", str(folder))


class TestCompute(ComputeSuite):
    """The compute target of the kind that the plugin states, with no settings."""

    @pytest.fixture
    def compute(self) -> Compute:
        return open_compute(os.environ["AMLFLOW_CHECK_KIND"], {})
