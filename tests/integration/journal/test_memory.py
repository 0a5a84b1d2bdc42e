"""Records that wait in the journal take no memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from amlflow.journal import segment_files, segments
from amlflow.layers.journaled import Journaled
from amlflow.spec import (
    Unavailable,
)
from amlflow.testing.memory import MemoryTracker
from helpers.flaky_tracker import Moody, point, start_run, until, values

SMALLER = 4
COUNT = 90_000 // SMALLER


def away(*names: str) -> Callable[..., BaseException | None]:
    return lambda name, *_: Unavailable("It is away.") if not names or name in names else None


def test_memory_stays_flat_while_records_wait(
    opened: Callable[..., Journaled],
    moody: Moody,
    memory: MemoryTracker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import tracemalloc

    # With a window of a quarter of its size, a quarter of the records is enough.
    window = segment_files.WINDOW // SMALLER
    for module in (segment_files, segments):
        monkeypatch.setattr(module, "WINDOW", window)
    monkeypatch.setattr(segments, "MAX_LINES", segments.MAX_LINES // SMALLER)
    journaled = opened(flush_seconds=60)
    run = start_run(journaled)
    moody.error = away("write_points")
    tracemalloc.start()
    try:
        for value in range(COUNT):
            journaled.write_points(run.id, [point(value)])
            if value == 1000:
                until(lambda: journaled.away)
                before = tracemalloc.get_traced_memory()[0]
        taken = tracemalloc.get_traced_memory()[0] - before
        # At most two windows are in memory, the one that is sent and the one that is read. All
        # records would take half as much again as this.
        assert taken < 1000 * COUNT
    finally:
        tracemalloc.stop()
    moody.error = lambda name, *_: None
    journaled.flush(run.id)
    assert values(memory, run) == list(range(COUNT))
