"""Each tracker passes the conformance suite."""

from __future__ import annotations

from pathlib import Path

import pytest
from amlflow.exceptions import UserErrorException
from amlflow.journal.settings import from_environment
from amlflow.layers.journaled import Journaled
from amlflow.layers.stack import layered
from amlflow.spec import Tracker
from amlflow.testing.memory import MemoryTracker
from amlflow.testing.suites.base import logged
from amlflow.testing.tracker_suite import TrackerSuite
from helpers.tracker_without_features import BareTracker


class TestMemory(TrackerSuite):
    @pytest.fixture
    def tracker(self) -> Tracker:
        return MemoryTracker()


class TestJournaled(TrackerSuite):
    @pytest.fixture
    def tracker(self, tmp_path: Path) -> Tracker:
        settings = from_environment({"AMLFLOW_JOURNAL_FOLDER": str(tmp_path / "journal")})
        memory = MemoryTracker()
        return Journaled("memory://", lambda: memory, settings)

    def test_points_of_unknown_runs(self, tracker: Journaled) -> None:  # type: ignore[override]
        """write_points: here it is said when the points are to be in the tracker."""
        tracker.write_points("0" * 32, [logged("a", 1.0)])
        with pytest.raises(UserErrorException, match="00000000"):
            tracker.flush("0" * 32)


class TestBareTrackerInLayers(TrackerSuite):
    @pytest.fixture
    def tracker(self) -> Tracker:
        return layered(BareTracker())


class MlflowSuite(TrackerSuite):
    more_than_a_page = 120

    @pytest.fixture(autouse=True)
    def _small_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("amlflow_mlflow.run_pages.PAGE", 100)


class TestMlflowSqlite(MlflowSuite):
    @pytest.fixture
    def uri(self, sqlite_uri: str) -> str:
        return sqlite_uri


class TestMlflowServer(MlflowSuite):
    """On PostgreSQL where that is installed, since a team has that: the client is the same."""

    @pytest.fixture
    def uri(self, best_server_uri: str) -> str:
        return best_server_uri


class TestMlflowPostgres(MlflowSuite):
    @pytest.fixture
    def uri(self, postgres_uri: str) -> str:
        return postgres_uri


class TestTrackio(TrackerSuite):
    @pytest.fixture
    def uri(self, trackio_uri: str) -> str:
        return trackio_uri
