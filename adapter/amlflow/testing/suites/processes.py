"""Several processes on one run."""

from __future__ import annotations

import atexit
import functools
import multiprocessing
from collections.abc import Callable
from typing import Any

import pytest

from amlflow.layers.stack import open_direct
from amlflow.spec import Feature, Kind, PropertyConflict, RunChange, RunRecord, Tracker
from amlflow.testing.suites.base import SuiteBase, check_claims, claim, logged

PROCESSES = 4
TIMEOUT_S = 180
"""That a busy machine may take."""

AtOnce = Callable[[Callable[..., Any]], list[Any]]


class ProcessTests(SuiteBase):
    """What a tracker does that several processes share."""

    @pytest.fixture
    def at_once(self, request: pytest.FixtureRequest, tracker: Tracker, run: RunRecord) -> AtOnce:
        """Have each of several processes open the tracker and do something to the run."""
        self.needs(tracker, Feature.SHARED)
        uri = request.getfixturevalue("uri")

        def act(work: Callable[..., Any]) -> list[Any]:
            pool, barrier = processes()
            barrier.reset()  # a test that failed may have left it broken
            arguments = [(work, uri, run.id, me, barrier) for me in range(PROCESSES)]
            outcomes: list[Any] = pool.starmap_async(_in_process, arguments).get(TIMEOUT_S)
            return outcomes

        return act

    def test_one_of_many_processes_writes_a_property(
        self, tracker: Tracker, run: RunRecord, at_once: AtOnce
    ) -> None:
        """
        page: Other processes and machines change the same runs at the same time.
        RunChange: Properties can be added but not changed: if a key already has another value, even
            if another process adds it at the same time, the whole change is a PropertyConflict.
        """
        outcomes = at_once(_claim)
        check_claims(tracker.get_run(run.id), outcomes)

    def test_many_processes_tag_one_run(
        self, tracker: Tracker, run: RunRecord, at_once: AtOnce
    ) -> None:
        """
        page: Other processes and machines change the same runs at the same time.
        RunChange: A change to a run; what is not given stays as it is.
        """
        assert at_once(_tag) == [None] * PROCESSES
        record = tracker.get_run(run.id)
        assert record.tags == {f"tag {me} {n}": "x" for me in range(PROCESSES) for n in range(5)}
        assert record.system == {f"note{me}": "4" for me in range(PROCESSES)}

    def test_sent_twice_by_another_process(
        self, tracker: Tracker, run: RunRecord, at_once: AtOnce
    ) -> None:
        """
        Point: position (the step, or order without a step), writer, name and time identify the
            point: a tracker stores it once, however often it is sent.
        """
        tracker.write_points(run.id, RESENT)
        assert at_once(_resend) == [None] * PROCESSES
        points = tracker.read_points(run.id, ["m"])
        assert [point.value for point in points] == [1.0, 2, "x", None, True, 3]
        assert len(tracker.read_points(run.id, ["l"])) == 1

    def test_many_processes_log_one_metric(
        self, tracker: Tracker, run: RunRecord, at_once: AtOnce
    ) -> None:
        """
        page: Other processes and machines change the same runs at the same time.
        read_points: The points of all writers, or those with these names, ordered by time and
            position.
        """
        assert at_once(_log) == [None] * PROCESSES
        points = tracker.read_points(run.id, ["m"])
        assert len(points) == 20 * PROCESSES
        for me in range(PROCESSES):
            mine = [point.value for point in points if point.writer == f"process{me}"]
            if mine:  # a tracker need not say who wrote a point
                assert mine == [float(n) for n in range(20)]


@functools.cache
def processes() -> tuple[Any, Any]:
    """Processes for all tests, since each takes a while to start, and a barrier for them."""
    context = multiprocessing.get_context("spawn")
    manager = context.Manager()
    pool = context.Pool(PROCESSES)
    atexit.register(manager.shutdown)
    atexit.register(pool.terminate)
    return pool, manager.Barrier(PROCESSES)


def _in_process(
    work: Callable[[Tracker, str, int], Any], uri: str, run_id: str, me: int, barrier: Any
) -> Any:
    tracker = open_direct(uri)
    tracker.get_run(run_id)
    barrier.wait(TIMEOUT_S)
    return work(tracker, run_id, me)


def _claim(tracker: Tracker, run_id: str, me: int) -> int | tuple[str, str, str]:
    try:
        return claim(tracker, run_id, me)
    except PropertyConflict as error:
        return error.key, error.kept, error.refused


def _tag(tracker: Tracker, run_id: str, me: int) -> None:
    for n in range(5):
        change = RunChange(tags={f"tag {me} {n}": "x"}, system={f"note{me}": str(n)})
        tracker.update_run(run_id, change)


RESENT = [
    *(logged("m", value, order=n) for n, value in enumerate([1.0, 2, "x", None, True])),
    logged("l", [1.0, 1.0], order=0, kind=Kind.LIST),
]


def _resend(tracker: Tracker, run_id: str, me: int) -> None:
    tracker.write_points(run_id, [*RESENT, logged("m", 3, order=5)])


def _log(tracker: Tracker, run_id: str, me: int) -> None:
    for n in range(20):
        # All at the same time and step, with the same value: only the writer tells them apart.
        point = logged("m", float(n), writer=f"process{me}", order=n)
        tracker.write_points(run_id, [point])
