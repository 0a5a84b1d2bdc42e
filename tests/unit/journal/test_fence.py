"""When a script of a cluster's job asks whether a later attempt has begun."""

from __future__ import annotations

import os
import signal
from datetime import datetime, timezone
from typing import Any

import pytest
from amlflow.claims import RUN_ID, claim_key
from amlflow.journal import fence
from amlflow.journal.fence import Fence
from amlflow.spec import ATTEMPT, RunChange, RunDraft
from amlflow.testing.memory import MemoryTracker


class Counting(MemoryTracker):
    """Counts how often a run is read."""

    reads = 0

    def get_run(self, run_id: str) -> Any:
        self.reads += 1
        return super().get_run(run_id)


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> Counting:
    """A tracker with the run of this process, which is its first attempt."""
    tracker = Counting("memory:")
    experiment = tracker.ensure_experiment("e")
    draft = RunDraft(
        experiment_id=experiment.id,
        created=datetime.now(timezone.utc),
        properties={claim_key(1): "first"},
    )
    [run] = tracker.create_runs([draft])
    monkeypatch.setenv(RUN_ID, run.id)
    monkeypatch.setenv(ATTEMPT, "1")
    return tracker


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The calls of os.kill, which ends nothing here."""
    calls: list[tuple[int, int]] = []
    monkeypatch.setattr(fence.os, "kill", lambda *call: calls.append(call))
    return calls


def start_next(tracker: Counting) -> None:
    run_id = os.environ[RUN_ID]
    tracker.update_run(run_id, RunChange(properties={claim_key(2): "next"}))


@pytest.mark.parametrize("is_next", [False, True])
def test_a_process_that_was_cut_off(
    tracker: Counting, killed: list[tuple[int, int]], is_next: bool
) -> None:
    if is_next:
        start_next(tracker)
    Fence(lambda: tracker).check(was_away=True)
    assert killed == ([(os.getpid(), signal.SIGKILL)] if is_next else [])


def test_a_process_that_was_frozen(
    tracker: Counting, killed: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(fence.time, "monotonic", lambda: now[0])
    own = Fence(lambda: tracker)
    for _ in range(100):
        now[0] += 1
        own.turn()
        own.check(was_away=False)
    assert tracker.reads == 0
    start_next(tracker)
    tracker.reads = 0
    now[0] += fence.FROZEN_S + 1
    own.turn()
    own.check(was_away=False)
    assert (len(killed), tracker.reads) == (1, 1)


@pytest.mark.parametrize(
    ("name", "value"), [(RUN_ID, None), (ATTEMPT, None), (ATTEMPT, "x"), (RUN_ID, "no")]
)
def test_a_process_that_is_not_the_script_of_a_clusters_job(
    tracker: Counting,
    killed: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str | None,
) -> None:
    start_next(tracker)
    monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    Fence(lambda: tracker).check(was_away=True)
    assert killed == []
