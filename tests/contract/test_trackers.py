"""Each tracker passes the conformance suite."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest
from amlflow.layers.opened import open_layered
from amlflow.spec import Feature, RunRecord, Tracker, Unsupported
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


class TestTrackio(SharedTrackerSuite):
    def test_models(self, tracker: Tracker, run: RunRecord, tmp_path: Path) -> None:
        """register_model: trackio has no registry, and says so."""
        assert Feature.MODELS not in tracker.features
        with pytest.raises(Unsupported, match="no model registry"):
            tracker.register_model(run.id, "outputs", "model")

    @pytest.fixture
    def opener(self, trackio_uri: str) -> Callable[[], Tracker]:
        return functools.partial(open_layered, trackio_uri)

    @pytest.fixture
    def tracker(self, opener: Callable[[], Tracker]) -> Tracker:
        return opener()
