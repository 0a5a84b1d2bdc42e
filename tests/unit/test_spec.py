"""Functions of the contract itself, and the order of values that the facade logs."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from amlflow.core.runs.stamps import Turn
from amlflow.spec import (
    TICK,
    Condition,
    ModelChange,
    ModelRecord,
    Op,
    Point,
    PropertyConflict,
    RunRecord,
    Status,
    redacted,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
RUN = RunRecord(
    id="1", experiment_id="2", status=Status.RUNNING, created=NOW, description="it's fine",
    tags={"quality": "fantastic run", "bare": None, "empty": ""}, properties={"author": "me"},
)  # fmt: skip


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://somebody:secret@host:5000/path?a=b", "http://host:5000/path?a=b"),
        ("postgresql+psycopg://user:p@ss@host/base", "postgresql+psycopg://host/base"),
        ("sqlite:////folder/mlflow.db", "sqlite:////folder/mlflow.db"),
        ("http://somebody:secret@[host/path", "http://[host/path"),
        ("http://somebody:sec/ret@[host/path", "http://[host/path"),
        ("postgresql://user:p/w@host/base", "postgresql://host/base"),
        ("postgresql://user:12/34@host/base", "postgresql://host/base"),
        ("mysql+pymysql://user:p?w#x@host:1/base", "mysql+pymysql://host:1/base"),
        ("http://user:p/w@host:3128", "http://host:3128"),
        ("http://host:5000/a@b", "http://host:5000/a@b"),
        ("http://[::1]/a@b", "http://[::1]/a@b"),
        ("s3://bucket/a:b@c", "s3://bucket/a:b@c"),
        ("sqlite:////a:b@c/mlflow.db", "sqlite:////a:b@c/mlflow.db"),
        (
            "postgresql://host/base?password=p%26w&sslmode=require&user=me",
            "postgresql://host/base?sslmode=require",
        ),
        ("mysql+pymysql:///base?Passwd=secret", "mysql+pymysql:///base"),
        (
            "mssql+pyodbc:///?odbc_connect=UID%3Dme%3Bpwd%3Dsecret%3BServer%3Dhost",
            "mssql+pyodbc:///?odbc_connect=UID%3D%3Bpwd%3D%3BServer%3Dhost",
        ),
    ],
)
def test_addresses_without_who(uri: str, shown: str) -> None:
    assert redacted(uri) == shown


@pytest.mark.parametrize(
    ("field", "op", "value", "key", "holds"),
    [
        ("tags", Op.HAS, None, "bare", True),
        ("tags", Op.HAS, None, "never", False),
        ("tags", Op.LACKS, None, "never", True),
        ("tags", Op.LACKS, None, "bare", False),
        ("tags", Op.EQ, None, "bare", True),
        ("tags", Op.EQ, None, "never", False),
        ("tags", Op.EQ, "", "bare", False),
        ("tags", Op.EQ, "", "empty", True),
        ("tags", Op.NE, "x", "never", True),
        ("tags", Op.NE, "fantastic run", "quality", False),
        ("tags", Op.STARTS_WITH, "fan", "quality", True),
        ("tags", Op.STARTS_WITH, "", "bare", False),
        ("tags", Op.CONTAINS, "tic r", "quality", True),
        ("tags", Op.CONTAINS, "_", "quality", False),
        ("properties", Op.EQ, "me", "author", True),
        ("description", Op.CONTAINS, "'", None, True),
        ("parent_id", Op.LACKS, None, None, True),
        ("created", Op.GE, NOW, None, True),
        ("created", Op.LE, NOW - timedelta(seconds=1), None, False),
        ("ended", Op.LE, NOW, None, False),
    ],
)
def test_a_condition_holds_or_does_not(
    field: str, op: Op, value: Any, key: str | None, holds: bool
) -> None:
    assert Condition(field, op, value, key).holds(RUN) is holds


def test_changed_gives_the_model_after_the_change() -> None:
    model = ModelRecord(
        name="m", version=1, created=NOW, description="old", tags={"a": "1", "b": None},
        properties={"p": "q"}, system={"n": "m"},
    )  # fmt: skip
    changed = model.changed(
        ModelChange(tags={"c": "2", "d": "3"}, tags_removed=["a", "d"], properties={"r": "s"})
    )
    assert (changed.description, changed.tags) == ("old", {"b": None, "c": "2"})
    assert (changed.properties, changed.system) == ({"p": "q", "r": "s"}, {"n": "m"})
    assert model.changed(ModelChange(description="")).description == ""
    with pytest.raises(PropertyConflict, match="'p'"):
        model.changed(ModelChange(properties={"p": "other"}))


def test_times_of_points_are_whole_ticks_and_grow() -> None:
    turn = Turn()
    points = []
    for step in [None, None, 7, 7, 3, None]:
        order, time = turn.stamp("m", step)
        points.append(Point(name="m", value=1, step=step, order=order, time=time, writer="w"))
    marks = [(each.time, each.position) for each in points]
    assert marks == sorted(set(marks))
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    assert all((each.time - epoch) % TICK == timedelta(0) for each in points)
