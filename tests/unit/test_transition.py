"""The record of a run after a change."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone

import pytest
from amlflow.spec import (
    FINAL,
    UNSTARTED,
    PropertyConflict,
    RunChange,
    RunRecord,
    Status,
    transition,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
CREATED, STARTED, ENDED = (NOW - timedelta(hours=hours) for hours in (3, 2, 1))
STATUSES = sorted(value for key, value in vars(Status).items() if key.isupper())


def make_run(status: str = Status.RUNNING, **values: object) -> RunRecord:
    record = RunRecord(
        id="1", experiment_id="2", status=status, created=CREATED,
        started=None if status in UNSTARTED else STARTED,
        ended=ENDED if status in FINAL else None,
        name="name", description="text", tags={"kept": "1", "bare": None},
        properties={"author": "me"}, system={"a": "1"},
    )  # fmt: skip
    return dataclasses.replace(record, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("old", STATUSES)
def test_a_status_after_another(old: str) -> None:
    for new in STATUSES:
        change = RunChange(status=new, tags={"late": "x"})
        after = transition(make_run(old), change, now=NOW)
        is_ignored = old in FINAL and new not in FINAL and new != Status.RUNNING
        assert after.status == (old if is_ignored else new)
        assert after.tags["late"] == "x", new
        if is_ignored:
            assert (after.started, after.ended) == (STARTED, ENDED), new
        else:
            assert after.ended == (NOW if new in FINAL else None), new


@pytest.mark.parametrize(
    ("old", "new", "asked", "started"),
    [
        (Status.QUEUED, Status.RUNNING, None, NOW),
        (Status.QUEUED, Status.RUNNING, STARTED, STARTED),
        (Status.QUEUED, Status.PREPARING, STARTED, None),
        (Status.QUEUED, None, STARTED, None),
        (Status.QUEUED, Status.CANCELED, None, None),
        (Status.RUNNING, Status.QUEUED, None, None),
        (Status.RUNNING, Status.RUNNING, None, STARTED),
        (Status.RUNNING, Status.FINALIZING, None, STARTED),
        (Status.COMPLETED, Status.RUNNING, None, STARTED),
        (Status.COMPLETED, Status.RUNNING, NOW, NOW),
        (Status.RUNNING, None, NOW, NOW),
        (Status.COMPLETED, None, NOW, NOW),
    ],
)
def test_the_start_time(
    old: str, new: str | None, asked: datetime | None, started: datetime | None
) -> None:
    after = transition(make_run(old), RunChange(status=new, started=asked), now=NOW)
    assert after.started == started


@pytest.mark.parametrize(
    ("old", "new", "ended"),
    [
        (Status.RUNNING, None, None),
        (Status.RUNNING, Status.FINALIZING, None),
        (Status.RUNNING, Status.FAILED, CREATED),
        (Status.COMPLETED, None, CREATED),
        (Status.COMPLETED, Status.QUEUED, CREATED),
        (Status.COMPLETED, Status.RUNNING, None),
    ],
)
def test_an_end_time_that_is_stated(old: str, new: str | None, ended: datetime | None) -> None:
    after = transition(make_run(old), RunChange(status=new, ended=CREATED), now=NOW)
    assert after.ended == ended


def test_what_is_not_in_the_change_stays() -> None:
    record = make_run()
    assert transition(record, RunChange()) == record
    after = transition(
        record,
        RunChange(
            name="", description="", tags={"kept": "2", "both": "x"},
            tags_removed=["bare", "both", "never"],
            properties={"author": "me", "year": "2026"}, system={"b": "2"},
        ),
    )  # fmt: skip
    assert (after.name, after.description, after.tags) == ("", "", {"kept": "2"})
    assert after.properties == {"author": "me", "year": "2026"}
    assert after.system == {"a": "1", "b": "2"}


def test_the_current_time_is_the_default() -> None:
    before = datetime.now(timezone.utc)
    ended = transition(make_run(), RunChange(status=Status.FAILED)).ended
    assert ended is not None
    assert before <= ended <= datetime.now(timezone.utc)


@pytest.mark.parametrize(
    "properties", [{"author": "you"}, {"a": "x", "author": "Me"}, {"author": "me ", "z": "x"}]
)
def test_a_property_keeps_its_value(properties: dict[str, str]) -> None:
    with pytest.raises(PropertyConflict) as caught:
        transition(make_run(), RunChange(properties=properties))
    assert (caught.value.key, caught.value.kept) == ("author", "me")
