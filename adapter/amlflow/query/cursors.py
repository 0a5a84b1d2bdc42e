"""Cursors: texts that say where the next page of a list of runs begins.

They come back from a browser, so they are parsed. A text that is not a cursor is a ValueError.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from math import isinf

from amlflow.metric_numbers import NUMBERS, TIMES, value_of
from amlflow.spec import Order, Place, RunRecord
from amlflow.times import from_microseconds, to_microseconds
from amlflow.tracker_data import (
    MAX_NAME,
    Malformed,
    is_whole,
    show_value,
    to_count,
    to_json,
    to_whole,
)

MAX_TEXT = 10_000
"""The most characters of a place."""
_MARK = "@"
"""What is before a place, and after the number of a part."""
_MAX_DIGITS = 6
"""The most digits of a part's number."""


def sort_key(record: RunRecord) -> tuple[int, str]:
    """Return a run's position in a list that is newest first: its microseconds and id."""
    return to_microseconds(record.created), record.id


def spell_position(position: tuple[int, str]) -> str:
    """Return the cursor for the runs after a position."""
    return f"{position[0]}.{position[1]}"


def parse_position(cursor: str) -> tuple[int, str]:
    """Undo :func:`spell_position`."""
    stamp, dot, run_id = cursor.partition(".")
    try:
        microseconds = to_whole(stamp)
    except Malformed:
        dot = ""
    if not dot or not run_id or len(run_id) > MAX_NAME:
        raise _wrong(cursor)
    return microseconds, run_id


def spell_offset(latest: datetime, start: int) -> str:
    """Return the cursor for the runs after the first ``start`` of those created until a time."""
    return f"{to_microseconds(latest)}.{start}"


def parse_offset(cursor: str | None) -> tuple[datetime, int]:
    """Undo :func:`spell_offset`. None is the first page's cursor, for the runs until now."""
    if cursor is None:
        return datetime.now(timezone.utc), 0
    stamp, start = parse_position(cursor)
    try:
        return from_microseconds(stamp), to_count(start)
    except Malformed:
        raise _wrong(cursor) from None


def spell_place(latest: datetime, start: int, last: RunRecord, order: Order) -> str:
    """Return the cursor of :func:`spell_offset`, with the place of the last run before it.

    A text that is too long and an infinite number are left out.
    """
    offset, value = spell_offset(latest, start), value_of(last, order)
    if isinstance(value, float) and isinf(value):
        return offset
    if isinstance(value, datetime):
        value = to_microseconds(value)
    place = json.dumps([value, *sort_key(last)])
    return f"{offset}{_MARK}{place}" if len(place) <= MAX_TEXT else offset


def parse_place(cursor: str | None, order: Order) -> tuple[datetime, int, Place | None]:
    """Undo :func:`spell_place`. The place is None if the cursor has none."""
    offset, mark, text = (cursor or "").partition(_MARK)
    latest, start = parse_offset(offset if cursor is not None else None)
    if not mark:
        return latest, start, None
    is_time = order.field in TIMES
    is_number = order.field in NUMBERS
    try:
        value, created, run_id = to_json(text, MAX_TEXT)
    except (ValueError, TypeError):
        raise _wrong(cursor) from None
    is_value = is_whole(value) if is_time else isinstance(value, float if is_number else str)
    is_id = isinstance(run_id, str) and 0 < len(run_id) <= MAX_NAME
    if not (is_id and is_whole(created) and (value is None or is_value)):
        raise _wrong(cursor)
    if is_time and value is not None:
        value = from_microseconds(value)
    return latest, start, Place(value, from_microseconds(created), run_id)


def spell_part(number: int, cursor: str = "") -> str:
    """Return the cursor for what is after a cursor in a part of a list, and all further parts."""
    return f"{number}{_MARK}{cursor}"


def parse_part(cursor: str | None) -> tuple[int, str | None]:
    """Undo :func:`spell_part`. None is the first page's cursor."""
    if cursor is None:
        return 0, None
    part, mark, position = cursor.partition(_MARK)
    if not mark or not (part.isascii() and part.isdecimal()) or len(part) > _MAX_DIGITS:
        raise _wrong(cursor)
    return int(part), position or None


def _wrong(cursor: str | None) -> ValueError:
    return ValueError(f"{show_value(cursor)} is not the cursor of a page.")
