"""Applies a change to a run."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timezone

from amlflow.spec import FINAL, UNSTARTED, PropertyConflict, RunChange, Status
from amlflow.times import to_microseconds


def apply(connection: sqlite3.Connection, run_id: str, change: RunChange) -> None:
    """Apply a change within a transaction, which an error undoes.

    Raises:
        PropertyConflict: a property has another value already.
    """
    for key, value in change.properties.items():
        connection.execute(
            "INSERT INTO properties VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (run_id, key, value)
        )
        [stored_value] = connection.execute(
            "SELECT value FROM properties WHERE run_id = ? AND key = ?", (run_id, key)
        ).fetchone()
        if stored_value != value:
            raise PropertyConflict(key, stored_value, value)
    for table, entries in (("tags", change.tags), ("system", change.system)):
        connection.executemany(
            f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)",  # noqa: S608
            [(run_id, key, value) for key, value in entries.items()],
        )
    connection.executemany(
        "DELETE FROM tags WHERE run_id = ? AND key = ?",
        [(run_id, key) for key in change.tags_removed],
    )
    status = change.status
    if status is not None and status not in FINAL | {Status.RUNNING}:
        [before] = connection.execute("SELECT status FROM runs WHERE id = ?", (run_id,)).fetchone()
        if before in FINAL:
            status = None  # it came too late
    values: dict[str, object] = {
        "status": status,
        "started": None if change.started is None else to_microseconds(change.started),
        "ended": None if change.ended is None else to_microseconds(change.ended),
        "name": change.name,
        "description": change.description,
    }
    now = to_microseconds(datetime.now(timezone.utc))
    if status in FINAL and change.ended is None:
        values["ended"] = now
    elif status == Status.RUNNING:
        connection.execute("UPDATE runs SET ended = NULL WHERE id = ?", (run_id,))
    for column, new in values.items():
        if new is not None:
            connection.execute(
                f"UPDATE runs SET {column} = ? WHERE id = ?",  # noqa: S608
                (new, run_id),
            )
    if status is not None and status not in FINAL | UNSTARTED:
        connection.execute(
            "UPDATE runs SET started = ? WHERE id = ? AND started IS NULL", (now, run_id)
        )
