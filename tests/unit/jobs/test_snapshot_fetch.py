"""The snapshot of a cluster's job is fetched while the agent claims the run."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from amlflow.jobs.agent import snapshot_fetch
from amlflow.jobs.agent.snapshot_fetch import SnapshotFetch
from amlflow.spec import Unavailable

NOTHING: Any = None


class Tracker:
    """A tracker from which each try takes its outcome: None, or the error that it raises."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self.outcomes = list(outcomes)
        self.threads: list[str] = []

    def fetch(self, job: Any, folder: Any) -> None:
        self.threads.append(threading.current_thread().name)
        outcome = self.outcomes.pop(0)
        if outcome is not None:
            raise outcome


def fetch_from(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> SnapshotFetch:
    monkeypatch.setattr(snapshot_fetch, "fetch_snapshot", tracker.fetch)
    fetch = SnapshotFetch(NOTHING, NOTHING)
    fetch.start()
    return fetch


def test_it_is_fetched_once_and_in_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = Tracker(None)
    fetch_from(tracker, monkeypatch).finish()
    assert tracker.threads == ["snapshot"]


def test_a_tracker_that_was_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = Tracker(Unavailable("away"), None)
    fetch_from(tracker, monkeypatch).finish()
    assert len(tracker.threads) == 2


@pytest.mark.parametrize("error", [Unavailable("away"), OSError("full")])
def test_the_second_error_is_raised(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = Tracker(OSError("first"), error)
    fetch = fetch_from(tracker, monkeypatch)
    with pytest.raises(type(error), match=str(error)):
        fetch.finish()


def test_an_agent_that_may_not_run_the_script_does_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    is_over = threading.Event()
    monkeypatch.setattr(snapshot_fetch, "fetch_snapshot", lambda job, folder: is_over.wait(60))
    monkeypatch.setattr(snapshot_fetch, "LEAVE_S", 0.01)
    fetch = SnapshotFetch(NOTHING, NOTHING)
    fetch.leave()  # it was not started
    fetch.start()
    fetch.leave()
    assert not is_over.is_set()
    is_over.set()
