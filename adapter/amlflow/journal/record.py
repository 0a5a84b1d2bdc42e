"""A record of the journal: one line, a checksum and then JSON.

The JSON is a list: what it is, the run, and what that needs::

    ["point", run, writer, name, kind, value, step, order, milliseconds]
    ["change", run, change]
    ["files", run, {name: file in files/}, replace]
    ["create", run, draft, mark]      a run that was started while the tracker was away
    ["snapshot", null, digest, file in files/]
    ["lost"]                          one that was removed or cut from the disk before it was sent

A copy in ``files/`` says in its name how long it is: one that was cut is not taken for the file.

A line whose checksum does not fit was being written when its process died: the call that wrote it
has not returned, so it is left out.
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
    """A record, its number among those of its process, and the bytes of its line."""

    number: int
    record: Record
    size: int


_CHECKSUM = 9

# Text that is not Unicode (half a surrogate pair) becomes ASCII, too, and comes back.
_json = json.JSONEncoder(separators=(",", ":")).encode


def line(text: str) -> bytes:
    """The line of a record's JSON."""
    body = text.encode("ascii")
    return b"%08x %b\n" % (crc32(body), body)


def is_whole(stored: bytes) -> bool:
    """Whether a line without its end was written to its end."""
    try:
        return crc32(stored[_CHECKSUM:]) == int(stored[: _CHECKSUM - 1], 16)
    except ValueError:
        return False


def record_of(stored: bytes) -> Record | None:
    """The record of a line without its end, or None where it was not written to its end."""
    if not is_whole(stored):
        return None
    try:
        record = json.loads(stored[_CHECKSUM:])
    except ValueError:
        return None
    return record if isinstance(record, list) else None


def run_of(record: Record) -> str | None:
    """The run that a record is about, if it is about one."""
    return None if record[0] == LOST else record[1]


def name_for_copy(size: int) -> str:
    """A new name in ``files/`` for a copy of some bytes."""
    return f"{uuid4().hex}-{size}"


def size_of_copy(name: str) -> int | None:
    """How many bytes a copy has to have; those of older versions do not say it."""
    size = name.partition("-")[2]
    return int(size) if size.isdigit() else None


def files_of(record: Record) -> list[str]:
    """The names of a record's files in ``files/``."""
    if record[0] == FILES:
        return list(record[2].values())
    return [record[3]] if record[0] == SNAPSHOT else []


def to_line(record: Record) -> bytes:
    """The line of a record."""
    return line(_json(record))


LOST_LINE = to_line([LOST])


# --- points, whose lines are put together by hand: a training loop waits for them ----------------


def point_head(run_id: str, point: Point) -> str:
    """The part of a point's JSON that all points of its name in its run share."""
    return _json([POINT, run_id, point.writer, point.name, point.kind.value])[:-1]


_last_time = EPOCH, 0
"""The time of the point before, and its milliseconds: one pair, as threads change it at once."""


def point_line(head: str, point: Point) -> bytes:
    """The line of a point."""
    value, step = point.value, point.step
    # JSON has its own words for nan and infinities.
    is_finite = type(value) is float and value - value == 0.0
    text = repr(value) if is_finite else _json(value)
    # Points that are logged one right after the other share the object that is their time.
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
    """The point of a record."""
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
