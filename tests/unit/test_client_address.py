"""Where a tracker is served to its own client, amlflow still opens the tracker itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from amlflow.client_address import (
    address_for,
    address_variables,
    tracker_behind,
    without_address,
)
from amlflow.core.project.tracking_uri import resolve_uri

TRACKER, ADDRESS = "sqlite:////project/mlflow.db", "http://127.0.0.1:5001"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in address_variables(ADDRESS, TRACKER, {}, {}).items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("served")
def test_amlflow_opens_the_tracker_and_its_client_the_address() -> None:
    assert resolve_uri(None, Path("/elsewhere")) == TRACKER
    assert address_for(TRACKER) == ADDRESS
    assert address_for("sqlite:////other.db") == "sqlite:////other.db"
    assert tracker_behind("http://127.0.0.1:5002") == "http://127.0.0.1:5002"


@pytest.mark.usefixtures("served")
def test_a_uri_that_the_script_sets_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://team.example")
    assert resolve_uri(None, Path("/elsewhere")) == "http://team.example"
    assert address_for(TRACKER) == TRACKER


def test_elsewhere_nothing_is_served() -> None:
    assert address_for(TRACKER) == TRACKER
    assert tracker_behind(ADDRESS) == ADDRESS


def test_a_run_of_the_script_gets_what_the_user_has_set() -> None:
    before = {"NO_PROXY": "intranet", "MLFLOW_TRACKING_PASSWORD": "secret"}
    server = {"MLFLOW_TRACKING_TOKEN": "of the server", "NO_PROXY": "intranet,127.0.0.1"}
    served = {**before, **address_variables(ADDRESS, TRACKER, server, before)}
    assert without_address(before) == before
    assert without_address(served) == before
    own = {"MLFLOW_TRACKING_TOKEN": "the script's", "MLFLOW_TRACKING_URI": "http://team.example"}
    assert without_address({**served, **own}) == {**before, **own}
