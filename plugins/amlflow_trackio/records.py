"""Turns rows of the database into records of the contract."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from amlflow.spec import ExperimentRecord, RunRecord, Status
from amlflow.times import from_microseconds
from amlflow.tracker_data import (
    keep_id,
    leave_out,
    parse,
    read_text,
    read_texts,
    read_whole,
    show_value,
    to_id,
    to_status,
)

from amlflow_trackio.projects import is_project_name

COLUMNS = (
    "id, alias, experiment_id, parent_id, root_id, name, type, status, created, started, ended, "
    "user, description"
)
"""The columns of the table ``runs``, in the order that :func:`to_runs` expects."""
_IDS = {1: "alias", 3: "parent_id", 4: "root_id"}
"""The columns in :data:`COLUMNS` that are ids of runs, by index."""
_TEXTS = {
    5: "name",
    6: "type",
    11: "user",
    12: "description",
}
"""The columns in :data:`COLUMNS` that are texts, by index."""


def to_runs(connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> list[RunRecord]:
    """Turn rows of ``runs`` into records, with their tags, properties and notes.

    A row is left out if its id does not have the form of one, or its experiment's id is not a
    project's name.
    """
    rows = [row for row in rows if keep_id(row[0]) and _is_project(row[0], "experiment_id", row[2])]
    ids = json.dumps([row[0] for row in rows])
    tags, properties, system = (
        _read_entries(connection, table, ids) for table in ("tags", "properties", "system")
    )
    texts = [
        {at: parse(row[0], name, row[at], to_id) for at, name in _IDS.items()}
        | {at: read_text(row[0], name, row[at]) for at, name in _TEXTS.items()}
        for row in rows
    ]
    _drop_taken_aliases(connection, rows, texts)
    return [
        RunRecord(
            id=row[0],
            alias=text[1],
            experiment_id=row[2],
            parent_id=text[3],
            root_id=text[4],
            name=text[5],
            type=text[6],
            status=parse(row[0], "status", row[7], to_status) or Status.RUNNING,
            created=from_microseconds(row[8]),
            started=_read_time(row[0], "started", row[9]),
            ended=_read_time(row[0], "ended", row[10]),
            user=text[11],
            description=text[12],
            tags=tags.get(row[0], {}),
            properties=properties.get(row[0], {}),
            system=system.get(row[0], {}),
        )
        for row, text in zip(rows, texts, strict=True)
    ]


def _drop_taken_aliases(
    connection: sqlite3.Connection, rows: Sequence[Sequence[Any]], texts: Sequence[dict[int, Any]]
) -> None:
    """Take out each alias that is another run's id, since an id comes before an alias."""
    aliases = [text[1] for text in texts if text[1] is not None]
    if not aliases:
        return
    found = connection.execute(
        "SELECT id FROM runs WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(aliases),)
    )
    taken = {run_id for (run_id,) in found}
    for row, text in zip(rows, texts, strict=True):
        if text[1] in taken and text[1] != row[0]:
            leave_out(row[0], "alias", "an id that no other run has", show_value(text[1]))
            text[1] = None


def _is_text(owner: object, column: str, value: object) -> bool:
    """Whether a value is a text. If not, the log says that its row is left out."""
    if not isinstance(value, str):
        leave_out(str(owner), column, "a text", show_value(value))
    return isinstance(value, str)


def _is_project(owner: object, column: str, value: object) -> bool:
    """Whether a value is a project's name. If not, the log says that its row is left out."""
    if not is_project_name(value):
        leave_out(str(owner), column, "a project of trackio's", show_value(value))
    return is_project_name(value)


def _read_time(owner: str, column: str, value: object) -> datetime | None:
    count = read_whole(owner, column, value)
    return None if count is None else from_microseconds(count)


def _read_entries(
    connection: sqlite3.Connection, table: str, ids: str
) -> dict[str, dict[str, Any]]:
    by_run: dict[str, dict[str, Any]] = {}
    for run_id, key, value in connection.execute(
        f"SELECT run_id, key, value FROM {table}"  # noqa: S608  (a name of this module)
        " WHERE run_id IN (SELECT value FROM json_each(?)) ORDER BY run_id, key",
        (ids,),
    ):
        by_run.setdefault(run_id, {}).update(_type_entry(run_id, key, value))
    return by_run


def _type_entry(owner: str, key: object, value: object) -> dict[str, str | None]:
    """Return a key with its value. Empty if one of them is not a text. A value may be None."""
    if value is None and isinstance(key, str):
        return {key: None}
    return {**read_texts(owner, [(key, value)])}


def to_experiments(
    connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]
) -> list[ExperimentRecord]:
    """Turn rows of ``experiments`` into records, with their tags.

    A row is left out if its id is not a project's name, or its name is not a text.
    """
    return [
        ExperimentRecord(
            id=row[0],
            name=row[1],
            created=from_microseconds(row[2]),
            archived=_read_time(row[0], "archived", row[3]),
            tags=_read_tags(connection, row[0]),
        )
        for row in rows
        if _is_project(row[1], "id", row[0]) and _is_text(row[0], "name", row[1])
    ]


def _read_tags(connection: sqlite3.Connection, experiment_id: str) -> dict[str, str | None]:
    rows = connection.execute(
        "SELECT key, value FROM experiment_tags WHERE experiment_id = ? ORDER BY key",
        (experiment_id,),
    )
    return {key: value for row in rows for key, value in _type_entry(experiment_id, *row).items()}
