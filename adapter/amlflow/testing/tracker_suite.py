"""The contract as tests: a plugin inherits a suite and gives it a tracker.

    class TestMine(TrackerSuite):
        @pytest.fixture
        def tracker(self):
            return MyTracker("mine://…")

The tracker may hold other experiments already. Each test's docstring is the sentence of
``amlflow.spec`` that does not hold when it fails. A tracker that other processes can open, as most
are, inherits :class:`SharedTrackerSuite` and gives ``opener`` too: a picklable function without
arguments that opens the same tracker.
"""

from __future__ import annotations

from amlflow.testing.suites.experiments import ExperimentTests
from amlflow.testing.suites.files import FileTests
from amlflow.testing.suites.metadata import MetadataTests
from amlflow.testing.suites.metrics import MetricTests
from amlflow.testing.suites.processes import ProcessTests
from amlflow.testing.suites.runs import RunTests
from amlflow.testing.suites.search import SearchTests


class TrackerSuite(ExperimentTests, RunTests, MetadataTests, SearchTests, MetricTests, FileTests):
    """What every tracker must do. A subclass gives the fixture ``tracker``."""


class SharedTrackerSuite(TrackerSuite, ProcessTests):
    """What a tracker must do that several processes share; ``opener`` opens it in another."""
