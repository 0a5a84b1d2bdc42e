"""Applies a change to a run."""

from __future__ import annotations

import sqlite3

from amlflow.spec import RunChange, transition
from amlflow.times import to_microseconds

from amlflow_trackio.records import COLUMNS, to_runs


def apply(connection: sqlite3.Connection, run_id: str, change: RunChange) -> None:
    """Apply a change to a run. Call it in a transaction, so that an error undoes all of it.

    Raises:
        PropertyConflict: a property has another value already.
    """
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM runs WHERE id = ?",  # noqa: S608  (a constant)
        (run_id,),
    ).fetchall()
    [record] = to_runs(connection, rows)
    after = transition(record, change)
    connection.execute(
        "UPDATE runs SET status = ?, started = ?, ended = ?, name = ?, description = ?"
        " WHERE id = ?",
        (
            after.status,
            None if after.started is None else to_microseconds(after.started),
            None if after.ended is None else to_microseconds(after.ended),
            after.name,
            after.description,
            run_id,
        ),
    )
    for table, entries in (
        ("tags", change.tags), ("properties", change.properties), ("system", change.system)
    ):  # fmt: skip
        connection.executemany(
            f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)",  # noqa: S608
            [(run_id, key, value) for key, value in entries.items()],
        )
    connection.executemany(
        "DELETE FROM tags WHERE run_id = ? AND key = ?",
        [(run_id, key) for key in change.tags_removed],
    )
