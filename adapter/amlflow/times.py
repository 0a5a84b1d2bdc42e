"""Times as whole numbers since 1970, and as texts.

A time is a datetime in UTC.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
EARLIEST = datetime(1000, 1, 1, tzinfo=timezone.utc)
LATEST = datetime(9999, 12, 30, tzinfo=timezone.utc)
"""Times from EARLIEST to LATEST can be shown in every time zone, and their years have four digits.
"""
_MILLISECOND = timedelta(milliseconds=1)
_MICROSECOND = timedelta(microseconds=1)


def to_milliseconds(time: datetime) -> int:
    """Return the whole milliseconds from 1970 to a time, rounded down."""
    return (time - EPOCH) // _MILLISECOND


def to_microseconds(time: datetime) -> int:
    """Return the microseconds from 1970 to a time."""
    return (time - EPOCH) // _MICROSECOND


def _since_epoch(unit: timedelta) -> Callable[[object], datetime]:
    first, last = (EARLIEST - EPOCH) // unit, (LATEST - EPOCH) // unit

    def time_of(count: object) -> datetime:
        if not isinstance(count, int):
            return EPOCH
        return EPOCH + min(max(count, first), last) * unit

    return time_of


from_milliseconds = _since_epoch(_MILLISECOND)
"""Return the time that is this number of milliseconds after 1970.

For a number out of range, it is EARLIEST or LATEST, so that runs keep their order. For an object
that is not a whole number, it is 1970.
"""
from_microseconds = _since_epoch(_MICROSECOND)
"""Like :data:`from_milliseconds`, for microseconds."""


def to_iso(time: datetime) -> str:
    """Return a time in ISO 8601 with microseconds and ``Z``.

    All such texts are equally long, so that they sort in the order of the times.

    Example: ``2024-05-06T07:08:09.000000Z``.
    """
    return f"{time.isoformat(timespec='microseconds')[:26]}Z"


def from_iso(text: str) -> datetime:
    """Parse the result of :func:`to_iso`. Raises ValueError for another text."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
