"""A tracker that fails for a moment, or asks to wait, is not away."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from amlflow.layers.journaled import Journaled
from amlflow.spec import RunChange, RunRecord, Unavailable
from helpers.flaky_tracker import Moody, start_run


@pytest.mark.parametrize(("failures", "retry_after"), [(2, None), (5, 0.05)])
def test_a_reader_waits_for_a_tracker_that_is_busy_for_a_moment(
    journaled: Journaled, run: RunRecord, moody: Moody, failures: int, retry_after: float | None
) -> None:
    failed = []

    def fail(name: str, *_: object) -> BaseException | None:
        if name == "update_run" and len(failed) < failures:
            failed.append(name)
            return Unavailable("Try again.", retry_after=retry_after)
        return None

    moody.error = fail
    journaled.update_run(run.id, RunChange(tags={"a": "b"}))
    assert journaled.get_run(run.id).tags == {"a": "b"}
    assert len(failed) == failures


def test_a_reader_does_not_wait_for_a_tracker_that_asks_to_wait_longer_than_it_would(
    opened: Callable[..., Journaled], moody: Moody
) -> None:
    journaled = opened(exit_seconds=0.1)
    run = start_run(journaled)

    def fail(name: str, *_: object) -> BaseException | None:
        if name == "update_run":
            return Unavailable("Try again.", retry_after=200)
        return None

    moody.error = fail
    journaled.update_run(run.id, RunChange(tags={"a": "b"}))
    begin = time.monotonic()
    with pytest.raises(Unavailable, match=r"Try again\."):
        journaled.get_run(run.id)
    assert time.monotonic() - begin < journaled._settings.flush_seconds
