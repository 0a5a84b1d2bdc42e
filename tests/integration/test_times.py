"""Conversion of times to numbers and texts."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from amlflow import times
from hypothesis import given, settings
from hypothesis import strategies as st

ANY_TIME = st.datetimes(times.EARLIEST.replace(tzinfo=None), times.LATEST.replace(tzinfo=None)).map(
    lambda time: time.replace(tzinfo=timezone.utc)
)


@settings(max_examples=30)
@given(time=ANY_TIME)
def test_a_time_is_the_same_after_both_ways(time: datetime) -> None:
    assert times.from_microseconds(times.to_microseconds(time)) == time
    milliseconds = times.from_milliseconds(times.to_milliseconds(time))
    assert timedelta() <= time - milliseconds < timedelta(milliseconds=1)


@settings(max_examples=30)
@given(one=ANY_TIME, other=ANY_TIME)
def test_texts_compare_as_times_do(one: datetime, other: datetime) -> None:
    assert (times.to_iso(one) < times.to_iso(other)) == (one < other)
    assert datetime.fromisoformat(times.to_iso(one).replace("Z", "+00:00")) == one


@pytest.mark.parametrize(
    ("count", "time"),
    [(0, times.EPOCH), (10**30, times.LATEST), (-(10**30), times.EARLIEST), (None, times.EPOCH)],
)
def test_what_a_tracker_gives_is_brought_between_the_bounds(count: object, time: datetime) -> None:
    assert times.from_microseconds(count) == times.from_milliseconds(count) == time
