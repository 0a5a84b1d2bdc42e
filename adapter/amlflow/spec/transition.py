"""The state machine of a run, as a function that everybody calls."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

from amlflow.spec.errors import PropertyConflict
from amlflow.spec.records import RunChange, RunRecord
from amlflow.spec.status import FINAL, UNSTARTED, Status


def transition(record: RunRecord, change: RunChange, *, now: datetime | None = None) -> RunRecord:
    """The record of a run after a change, which :meth:`Tracker.update_run` stores.

    Call it in the transaction that reads the record and writes the result: then you have followed
    every rule about statuses, times, tags and properties. ``now`` is the time of the change; None:
    the current time. Raises :class:`PropertyConflict`.

    * A final status is replaced only by another one, or by Running, which starts the run again. Any
      other status that comes later is ignored, and the rest of the change is applied.
    * A run has an end time only while its status is final. A final status sets the end time to
      ``ended``, or to ``now``. Without a status, ``ended`` corrects the end time of a run that has
      ended, and is ignored otherwise.
    * A run has no start time while its status is one of :data:`UNSTARTED`, and ``started`` is
      ignored. Running sets the start time to ``started``, or to ``now`` if the run has none. Later
      ``started`` corrects the start time. Whether a run that has never been Running has one is up
      to the tracker.
    * A start time that the tracker sets itself may be any time from the creation to ``now``.
    """
    for key, value in change.properties.items():
        if record.properties.get(key, value) != value:
            raise PropertyConflict(key, record.properties[key], value)
    now = now or datetime.now(timezone.utc)
    tags = {**record.tags, **change.tags}
    status = _next_status(record.status, change.status)
    return replace(
        record,
        status=status,
        started=_start_time(record, change, status, now),
        ended=_end_time(record, change, status, now),
        name=record.name if change.name is None else change.name,
        description=record.description if change.description is None else change.description,
        tags={key: tags[key] for key in tags if key not in change.tags_removed},
        properties={**record.properties, **change.properties},
        system={**record.system, **change.system},
    )


def _next_status(old: str, new: str | None) -> str:
    if new is None or (old in FINAL and new not in FINAL and new != Status.RUNNING):
        return old
    return new


def _start_time(
    record: RunRecord, change: RunChange, status: str, now: datetime
) -> datetime | None:
    if status in UNSTARTED:
        return None
    if change.started is not None or change.status != Status.RUNNING:
        return change.started or record.started
    return record.started or now


def _end_time(record: RunRecord, change: RunChange, status: str, now: datetime) -> datetime | None:
    if status not in FINAL:
        return None
    if change.status in FINAL:
        return change.ended or now
    return change.ended or record.ended
