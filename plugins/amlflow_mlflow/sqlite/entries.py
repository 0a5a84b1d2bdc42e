"""Writes params and tags of runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from amlflow.spec import Refused

from amlflow_mlflow.records import NAME

_SET_TAG = (
    "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)"
    " ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value"
)


def add_params(connection: sqlite3.Connection, run_id: str, params: Mapping[str, str]) -> None:
    """Add params. Raises :class:`Refused` if the run has one of them with another value."""
    if not params:
        return
    stored = dict(connection.execute("SELECT key, value FROM params WHERE run_uuid = ?", (run_id,)))
    for key, value in params.items():
        if stored.get(key, value) != value:
            raise Refused(
                f"Run {run_id} has a param {key!r} with another value, which MLflow keeps."
            )
    connection.executemany(
        "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
        [(key, value, run_id) for key, value in params.items() if key not in stored],
    )


def set_tags(connection: sqlite3.Connection, run_id: str, tags: Mapping[str, str]) -> None:
    """Set tags. The tag with the run's name also sets the name. It is left out if it is empty."""
    rows = [(key, value, run_id) for key, value in tags.items() if key != NAME or value]
    connection.executemany(_SET_TAG, rows)
    if tags.get(NAME):
        connection.execute("UPDATE runs SET name = ? WHERE run_uuid = ?", (tags[NAME], run_id))
