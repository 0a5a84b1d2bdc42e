"""The conformance suite for trackers. A plugin's tests inherit it and say where the tracker is.

    class TestMine(TrackerSuite):
        @pytest.fixture
        def uri(self, tmp_path):
            return f"mine://{tmp_path}"

The tracker may already have other experiments. It is opened as amlflow opens it: the plugin is
installed, and layers add the features that it does not claim. For a tracker that lives in a single
process, define the fixture ``tracker`` instead of ``uri``; it must not claim ``Feature.SHARED``.
"""

from __future__ import annotations

from amlflow.testing.suites.conflicts import ConflictTests
from amlflow.testing.suites.conventions import ConventionTests
from amlflow.testing.suites.drawn import DrawnTests
from amlflow.testing.suites.experiments import ExperimentTests
from amlflow.testing.suites.files import FileTests
from amlflow.testing.suites.interrupted import InterruptedTests
from amlflow.testing.suites.killed import KilledTests
from amlflow.testing.suites.large import LargeTests
from amlflow.testing.suites.metadata import MetadataTests
from amlflow.testing.suites.metric_search import MetricSearchTests
from amlflow.testing.suites.metrics import MetricTests
from amlflow.testing.suites.models import ModelTests
from amlflow.testing.suites.operators import OperatorTests
from amlflow.testing.suites.other_readers import OtherReaderTests
from amlflow.testing.suites.outages import OutageTests
from amlflow.testing.suites.owners import OwnerTests
from amlflow.testing.suites.processes import ProcessTests
from amlflow.testing.suites.quick_search import QuickSearchTests
from amlflow.testing.suites.runs import RunTests
from amlflow.testing.suites.search import SearchTests
from amlflow.testing.suites.texts import TextTests
from amlflow.testing.suites.transitions import TransitionTests
from amlflow.testing.suites.values import ValueTests


class TrackerSuite(
    DrawnTests,
    KilledTests,
    OtherReaderTests,
    ProcessTests,
    InterruptedTests,
    OutageTests,
    LargeTests,
    OperatorTests,
    TextTests,
    ValueTests,
    TransitionTests,
    ConflictTests,
    OwnerTests,
    ModelTests,
    FileTests,
    MetricTests,
    MetricSearchTests,
    QuickSearchTests,
    SearchTests,
    MetadataTests,
    ConventionTests,
    RunTests,
    ExperimentTests,
):
    """The tests that every tracker must pass.

    pytest runs the tests of the last base class first. These are the simplest ones.
    """
