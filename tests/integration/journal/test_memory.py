"""Records that wait in the journal take no memory."""

from __future__ import annotations

from collections.abc import Callable

from amlflow.layers.journaled import Journaled
from amlflow.spec import (
    Unavailable,
)
from amlflow.testing.memory import MemoryTracker
from helpers.flaky_tracker import Moody, point, start_run, until, values


def away(*names: str) -> Callable[..., BaseException | None]:
    return lambda name, *_: Unavailable("It is away.") if not names or name in names else None


def test_memory_stays_flat_while_records_wait(
    opened: Callable[..., Journaled], moody: Moody, memory: MemoryTracker
) -> None:
    import tracemalloc

    journaled = opened(flush_seconds=60)
    run = start_run(journaled)
    moody.error = away("write_points")
    tracemalloc.start()
    try:
        for value in range(90_000):
            journaled.write_points(run.id, [point(value)])
            if value == 1000:
                until(lambda: journaled.away)
                before = tracemalloc.get_traced_memory()[0]
        # At most two windows are in memory: the one that is sent and the one that is read. That is
        # two thirds of what ninety thousand records would take.
        assert tracemalloc.get_traced_memory()[0] - before < 90_000_000
    finally:
        tracemalloc.stop()
    moody.error = lambda name, *_: None
    journaled.flush(run.id)
    assert values(memory, run) == list(range(90_000))
