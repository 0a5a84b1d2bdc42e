"""MLflow servers of the versions that teams have pass the quick form of the suite."""

from __future__ import annotations

import pytest
from amlflow.testing.tracker_suite import TrackerSuite


class TestOldServer(TrackerSuite):
    thorough_tests = ()
    few_examples = True  # all of them are tried on the newest server
    more_than_a_page = 130
    cleans_up = False  # the servers are thrown away

    @pytest.fixture(autouse=True)
    def _small_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("amlflow_mlflow.run_pages.PAGE", 100)

    @pytest.fixture
    def uri(self, old_server_uri: str) -> str:
        return old_server_uri
