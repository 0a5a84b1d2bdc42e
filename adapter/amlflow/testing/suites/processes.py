"""Several processes on one run."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

import pytest

from amlflow.spec import Kind, PropertyConflict, RunRecord, Tracker
from amlflow.testing.suites.base import SuiteBase, check_claims, claim, logged

PROCESSES = 4


class ProcessTests(SuiteBase):
    """What a tracker does that several processes share."""

    @pytest.fixture
    def opener(self) -> Callable[[], Tracker]:
        raise NotImplementedError("a subclass of SharedTrackerSuite gives the fixture `opener`")

    def test_one_of_many_processes_writes_a_property(
        self, tracker: Tracker, run: RunRecord, opener: Callable[[], Tracker]
    ) -> None:
        """update_run: other processes work on the same runs, and one value stays."""
        outcomes = in_processes(opener, _claim_in_process, run.id)
        check_claims(tracker.get_run(run.id), outcomes)

    def test_sent_twice_by_another_process(
        self, tracker: Tracker, run: RunRecord, opener: Callable[[], Tracker]
    ) -> None:
        """Point: also when another process sends again what a writer that died had sent."""
        points = [
            *(logged("m", value, order=n) for n, value in enumerate([1.0, 2, "x", None, True])),
            logged("l", [1.0, 1.0], order=0, kind=Kind.LIST),
        ]
        tracker.write_points(run.id, points)
        opener().write_points(run.id, [*points, logged("m", 3, order=5)])
        assert [each.value for each in tracker.read_points(run.id, ["m"])] == [
            1.0, 2, "x", None, True, 3,
        ]  # fmt: skip
        assert len(tracker.read_points(run.id, ["l"])) == 1

    def test_many_processes_log_one_metric(
        self, tracker: Tracker, run: RunRecord, opener: Callable[[], Tracker]
    ) -> None:
        """write_points: other processes work on the same runs, and nothing is overwritten."""
        outcomes = in_processes(opener, _log_in_process, run.id)
        assert outcomes == [None] * len(outcomes)
        found = tracker.read_points(run.id, ["m"])
        assert len(found) == 20 * len(outcomes)
        for me in range(len(outcomes)):
            mine = [each.value for each in found if each.writer == f"process{me}"]
            if mine:  # a tracker need not say who wrote a point
                assert mine == [float(n) for n in range(20)]


def in_processes(opener: Callable[[], Tracker], work: Callable[..., Any], run_id: str) -> list[Any]:
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        barrier = manager.Barrier(PROCESSES)
        with context.Pool(PROCESSES) as pool:
            arguments = [(opener, run_id, me, barrier) for me in range(PROCESSES)]
            return pool.starmap(work, arguments)


def _claim_in_process(
    opener: Callable[[], Tracker], run_id: str, me: int, barrier: Any
) -> int | tuple[str, str, str]:
    tracker = opener()
    barrier.wait()
    try:
        return claim(tracker, run_id, me)
    except PropertyConflict as error:
        return error.key, error.kept, error.refused


def _log_in_process(opener: Callable[[], Tracker], run_id: str, me: int, barrier: Any) -> None:
    tracker = opener()
    barrier.wait()
    for n in range(20):
        # All at the same time and step, with the same value: only the writer tells them apart.
        point = logged("m", float(n), writer=f"process{me}", order=n)
        tracker.write_points(run_id, [point])
