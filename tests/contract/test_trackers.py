"""Each tracker passes the conformance suite."""

from __future__ import annotations

import pytest
from amlflow.layers.opened import layered
from amlflow.spec import Tracker
from amlflow.testing.memory import MemoryTracker
from amlflow.testing.tracker_suite import TrackerSuite
from bare import BareTracker


class TestMemory(TrackerSuite):
    @pytest.fixture
    def tracker(self) -> Tracker:
        return MemoryTracker()


class TestBareTrackerInLayers(TrackerSuite):
    @pytest.fixture
    def tracker(self) -> Tracker:
        return layered(BareTracker())


class TestMlflowSqlite(TrackerSuite):
    @pytest.fixture
    def uri(self, sqlite_uri: str) -> str:
        return sqlite_uri


class TestMlflowServer(TrackerSuite):
    @pytest.fixture
    def uri(self, server_uri: str) -> str:
        return server_uri


class TestMlflowPostgresServer(TrackerSuite):
    @pytest.fixture
    def uri(self, postgres_server_uri: str) -> str:
        return postgres_server_uri


class TestMlflowPostgres(TrackerSuite):
    @pytest.fixture
    def uri(self, postgres_uri: str) -> str:
        return postgres_uri


class TestTrackio(TrackerSuite):
    @pytest.fixture
    def uri(self, trackio_uri: str) -> str:
        return trackio_uri
