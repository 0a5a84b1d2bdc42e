"""A record of the journal: one line with a checksum and JSON.

The JSON is a list of the kind, the run, and what the kind needs::

    ["point", run, writer, name, kind, value, step, order, milliseconds]
    ["change", run, change]
    ["files", run, {name: file in files/}, replace]
    ["create", run, draft, mark]      a run that was started while the tracker was away
    ["snapshot", null, digest, file in files/]
    ["lost"]                          a record that was removed from the disk before it was sent

The name of a copy in ``files/`` contains its size, so a copy that was cut is noticed.

A line with a wrong checksum was being written when its process died. The call that wrote it has not
returned, so the line is ignored.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4
from zlib import crc32

from amlflow.spec import Kind, Point, RunChange, RunDraft
from amlflow.times import EPOCH, to_milliseconds

POINT, CHANGE, FILES = "point", "change", "files"
CREATE, SNAPSHOT, LOST = "create", "snapshot", "lost"

Record = list[Any]


class Numbered(NamedTuple):
    """A record, its number in its process, and the size of its line in bytes."""

    number: int
    record: Record
    size: int


_CHECKSUM = 9

# Writes ASCII, also for invalid Unicode such as half a surrogate pair, and reads it back.
_json = json.JSONEncoder(separators=(",", ":")).encode


def line(text: str) -> bytes:
    """Make the line of a record's JSON."""
    body = text.encode("ascii")
    return b"%08x %b\n" % (crc32(body), body)


def is_whole(stored: bytes) -> bool:
    """Whether a line (without its line end) was written completely."""
    try:
        return crc32(stored[_CHECKSUM:]) == int(stored[: _CHECKSUM - 1], 16)
    except ValueError:
        return False


def record_of(stored: bytes) -> Record | None:
    """Parse a line (without its line end). None if it was not written completely."""
    if not is_whole(stored):
        return None
    try:
        record = json.loads(stored[_CHECKSUM:])
    except ValueError:
        return None
    return record if isinstance(record, list) else None


def run_of(record: Record) -> str | None:
    """Return the id of a record's run; None for snapshots and lost records."""
    return None if record[0] == LOST else record[1]


def name_for_copy(size: int) -> str:
    """Make a new name in ``files/`` for a copy of this size in bytes."""
    return f"{uuid4().hex}-{size}"


def size_of_copy(name: str) -> int | None:
    """Return the size of a copy in bytes, from its name. None for names of older versions."""
    size = name.partition("-")[2]
    return int(size) if size.isdigit() else None


def files_of(record: Record) -> list[str]:
    """Return the names of a record's files in ``files/``."""
    if record[0] == FILES:
        return list(record[2].values())
    return [record[3]] if record[0] == SNAPSHOT else []


def to_line(record: Record) -> bytes:
    """Make the line of a record."""
    return line(_json(record))


LOST_LINE = to_line([LOST])


# --- points: their lines are put together by hand, because a training loop waits for them ---------


def point_head(run_id: str, point: Point) -> str:
    """Make the part of the JSON that is the same for all points of a name in a run."""
    return _json([POINT, run_id, point.writer, point.name, point.kind.value])[:-1]


_last_time = EPOCH, 0
"""The time of the last point, and its milliseconds. One tuple, so that threads set both at once."""


def point_line(head: str, point: Point) -> bytes:
    """Make the line of a point."""
    value, step = point.value, point.step
    # JSON spells NaN and infinities differently from repr().
    is_finite = type(value) is float and value - value == 0.0
    text = repr(value) if is_finite else _json(value)
    # Points that are logged in quick succession share one time object.
    global _last_time
    time, milliseconds = _last_time
    if time is not point.time:
        time, milliseconds = point.time, to_milliseconds(point.time)
        _last_time = time, milliseconds
    step_text = "null" if step is None else step
    body = f"{head},{text},{step_text},{point.order},{milliseconds}]".encode("ascii")
    return b"%08x %b\n" % (crc32(body), body)


_KINDS = {kind.value: kind for kind in Kind}


def to_point(record: Record) -> Point:
    """Read the point of a record."""
    _, _, writer, name, kind, value, step, order, milliseconds = record
    return Point(
        name=name,
        value=value,
        kind=_KINDS[kind],
        step=step,
        order=order,
        time=EPOCH + timedelta(milliseconds=milliseconds),
        writer=writer,
    )


# --- changes and drafts ---------------------------------------------------------------------------

_TIMES = ("created", "started", "ended")


def _to_json(record: RunChange | RunDraft) -> dict[str, Any]:
    fields = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    return {
        key: value.isoformat()
        if isinstance(value, datetime)
        else dict(value)
        if isinstance(value, Mapping)
        else value
        for key, value in fields.items()
        if value is not None
    }


def _from_json(content: dict[str, Any]) -> dict[str, Any]:
    return {
        key: datetime.fromisoformat(value) if key in _TIMES else value
        for key, value in content.items()
    }


def change_record(run_id: str, change: RunChange) -> Record:
    return [CHANGE, run_id, _to_json(change)]


def to_change(record: Record) -> RunChange:
    return RunChange(**_from_json(record[2]))


def create_record(run_id: str, draft: RunDraft, mark: str) -> Record:
    return [CREATE, run_id, _to_json(draft), mark]


def to_draft(record: Record) -> RunDraft:
    return RunDraft(**_from_json(record[2]))
