"""Each tracker passes the conformance suite."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
from amlflow.layers.opened import open_layered
from amlflow.spec import Tracker
from amlflow.testing.memory import MemoryTracker
from amlflow.testing.tracker_suite import SharedTrackerSuite, TrackerSuite


class TestMemory(TrackerSuite):
    @pytest.fixture
    def tracker(self) -> Tracker:
        return MemoryTracker()


class Mlflow(SharedTrackerSuite):
    @pytest.fixture
    def tracker(self, opener: Callable[[], Tracker]) -> Tracker:
        return opener()


class TestMlflowSqlite(Mlflow):
    @pytest.fixture
    def opener(self, sqlite_uri: str) -> Callable[[], Tracker]:
        return functools.partial(open_layered, sqlite_uri)


class TestMlflowServer(Mlflow):
    @pytest.fixture
    def opener(self, server_uri: str) -> Callable[[], Tracker]:
        return functools.partial(open_layered, server_uri)


class TestMlflowPostgresServer(Mlflow):
    @pytest.fixture
    def opener(self, postgres_server_uri: str) -> Callable[[], Tracker]:
        return functools.partial(open_layered, postgres_server_uri)


class TestMlflowPostgres(Mlflow):
    @pytest.fixture
    def opener(self, postgres_uri: str) -> Callable[[], Tracker]:
        return functools.partial(open_layered, postgres_uri)
