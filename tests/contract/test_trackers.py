"""Each tracker passes the conformance suite."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from amlflow.exceptions import UserErrorException
from amlflow.journal.settings import from_environment
from amlflow.layers.journaled import Journaled
from amlflow.layers.stack import add_layers
from amlflow.spec import KnownLimit, Tracker
from amlflow.testing.memory import MemoryTracker
from amlflow.testing.suites.base import new_point
from amlflow.testing.suites.killed import KilledTests
from amlflow.testing.suites.other_readers import OtherReaderTests
from amlflow.testing.suites.outages import Outage, OutageTests
from amlflow.testing.suites.processes import ProcessTests
from amlflow.testing.tracker_suite import TrackerSuite
from helpers.flaky_proxy import Proxy, always_pass, start_proxy
from helpers.tracker_without_features import BareTracker

MANY_RUNS = frozenset({"test_runs_that_change_while_they_are_read"})
"""Pages of runs are each store's own, as are processes."""
PROCESSES = frozenset(
    name
    for part in (ProcessTests, KilledTests, OtherReaderTests)
    for name in vars(part)
    if name.startswith("test_")
)

TEXTS = frozenset({"test_every_operator_on_every_field", "test_hard_texts_of_runs"})
"""What a database makes of texts."""


class TestMemory(TrackerSuite):
    @pytest.fixture
    def tracker(self) -> Tracker:
        return MemoryTracker()


class TestJournaled(TrackerSuite):
    thorough_tests = frozenset({"test_30000_points"})

    @pytest.fixture
    def tracker(self, tmp_path: Path) -> Tracker:
        settings = from_environment({"AMLFLOW_JOURNAL_FOLDER": str(tmp_path / "journal")})
        memory = MemoryTracker()
        memory.known_limits = [
            KnownLimit(switch=name, reason="it is said when the points and files are to be there")
            for name in ("test_points_of_unknown_runs", "test_replaced_files_of_unknown_runs")
        ]
        return Journaled("memory://", lambda: memory, settings)

    def test_points_of_unknown_runs(self, tracker: Journaled) -> None:  # type: ignore[override]
        """write_points: here it is said when the points are to be in the tracker."""
        tracker.write_points("0" * 32, [new_point("a", 1.0)])
        with pytest.raises(UserErrorException, match="00000000"):
            tracker.flush("0" * 32)

    def test_replaced_files_of_unknown_runs(  # type: ignore[override]
        self, tracker: Journaled, tmp_path: Path
    ) -> None:
        """put_files: here it is said when the file is to be in the tracker."""
        path = tmp_path / "file"
        path.write_text("x")
        tracker.put_files("0" * 32, {"a": path}, replace=True)
        with pytest.raises(UserErrorException, match="00000000"):
            tracker.flush("0" * 32)


class TestBareTrackerInLayers(TrackerSuite):
    @pytest.fixture
    def tracker(self) -> Tracker:
        return add_layers(BareTracker())


class MlflowSuite(TrackerSuite):
    more_than_a_page = 130
    cleans_up = False  # the servers are thrown away

    @pytest.fixture(autouse=True)
    def _small_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("amlflow_mlflow.run_pages.PAGE", 100)


class TestMlflowSqlite(MlflowSuite):
    @pytest.fixture
    def uri(self, sqlite_uri: str) -> str:
        return sqlite_uri


class TestMlflowServer(MlflowSuite):
    """On PostgreSQL where that is installed, since a team has that: the client is the same."""

    thorough_tests = MANY_RUNS | PROCESSES | {"test_30000_points", "test_hard_texts_of_runs"}

    @pytest.fixture
    def uri(self, best_server_uri: str) -> str:
        return best_server_uri


class TestMlflowPostgres(MlflowSuite):
    thorough_tests = MANY_RUNS | PROCESSES | TEXTS

    @pytest.fixture
    def uri(self, postgres_uri: str) -> str:
        return postgres_uri


class TestTrackio(TrackerSuite):
    thorough_tests = MANY_RUNS | PROCESSES | TEXTS | {"test_drawn_changes_of_a_run"}

    @pytest.fixture
    def uri(self, trackio_uri: str) -> str:
        return trackio_uri


class TestOutageOfAServer(OutageTests):
    @pytest.fixture
    def proxy(self, server_uri: str) -> Iterator[tuple[Proxy, str]]:
        with start_proxy(server_uri) as proxy:
            yield proxy

    @pytest.fixture
    def uri(self, proxy: tuple[Proxy, str]) -> str:
        return proxy[1]

    @pytest.fixture
    def outage(self, proxy: tuple[Proxy, str]) -> Outage:
        @contextlib.contextmanager
        def away() -> Iterator[None]:
            proxy[0].rule = proxy[0].down
            try:
                yield
            finally:
                proxy[0].rule = always_pass

        return away
