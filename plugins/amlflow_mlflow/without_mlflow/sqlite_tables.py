"""MLflow's default database, for an agent: a run's row, its tags and its params.

These three tables have had these columns since MLflow 1.0; an opened database that has them not is
refused with sqlite3.Error.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from amlflow.spec import PropertyConflict, Refused, RunNotFound, Unavailable

from amlflow_mlflow.changes import KILLED, Spelled
from amlflow_mlflow.spelling import PROPERTY, from_key

BUSY_TIMEOUT_S = 15

_RUN = (
    "SELECT run_uuid, name, user_id, status, start_time, end_time, artifact_uri, experiment_id "
    "FROM runs WHERE run_uuid = ?"
)
_TAGS = "SELECT key, value FROM tags WHERE run_uuid = ?"
_PARAMS = "SELECT key, value FROM params WHERE run_uuid = ?"
_SET_TAG = (
    "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?) "
    "ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value"
)


class SqliteWire:
    """See :class:`amlflow_mlflow.without_mlflow.run_keeper.Wire`."""

    def __init__(self, path: Path) -> None:
        """Open the database. Raises sqlite3.Error, and Unavailable while it is locked."""
        self._path = path
        try:
            with self._transaction(write=False) as database:
                database.execute(_RUN, ("",))
                database.execute(_TAGS, ("",))
                database.execute(_PARAMS, ("",))
        except sqlite3.OperationalError as error:
            if "locked" in str(error):  # and not that it is not there, or has other tables
                raise self._away(error) from error
            raise

    def _away(self, error: sqlite3.Error) -> Unavailable:
        if "locked" in str(error):
            return Unavailable(
                f"The tracking database {self._path} is busy: another program holds its lock. "
                "Try again when that has ended; a database server serves many writers better."
            )
        return Unavailable(f"The tracking database {self._path} cannot be used now: {error}")

    @contextmanager
    def _transaction(self, *, write: bool) -> Iterator[sqlite3.Connection]:
        # A connection for each: the file may be replaced, and an agent seldom asks.
        address = f"file:{quote(str(self._path))}?mode=rw"
        database = sqlite3.connect(address, BUSY_TIMEOUT_S, isolation_level=None, uri=True)
        try:
            database.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            yield database
            database.execute("COMMIT")
        finally:
            database.close()

    @contextmanager
    def _checked(self, *, write: bool) -> Iterator[sqlite3.Connection]:
        try:
            with self._transaction(write=write) as database:
                yield database
        except sqlite3.IntegrityError as error:
            raise Refused(f"The database {self._path} refuses this: {error}") from error
        except sqlite3.Error as error:
            raise self._away(error) from error

    def read(self, run_id: str) -> dict[str, Any]:
        with self._checked(write=False) as database:
            row = database.execute(_RUN, (run_id,)).fetchone()
            if row is None:
                raise RunNotFound(run_id, f"sqlite:///{self._path}")
            tags = dict(database.execute(_TAGS, (run_id,)))
            params = dict(database.execute(_PARAMS, (run_id,)))
        columns = ("run_id", "run_name", "user_id", "status", "start_time", "end_time")
        info = dict(zip((*columns, "artifact_uri", "experiment_id"), row, strict=True))
        info["experiment_id"] = str(info["experiment_id"])
        return {"info": info, "tags": tags, "params": params}

    def write(self, run_id: str, todo: Spelled) -> None:
        with self._checked(write=True) as database:
            if database.execute(_RUN, (run_id,)).fetchone() is None:
                raise RunNotFound(run_id, f"sqlite:///{self._path}")
            for key, value in todo.params.items():
                self._add(database, run_id, key, value)
            rows = [(key, value, run_id) for key, value in todo.tags.items()]
            database.executemany(_SET_TAG, rows)
            database.executemany(
                "DELETE FROM tags WHERE key = ? AND run_uuid = ?",
                [(key, run_id) for key in todo.removed],
            )
            if "mlflow.runName" in todo.tags:
                database.execute(
                    "UPDATE runs SET name = ? WHERE run_uuid = ?",
                    (todo.tags["mlflow.runName"], run_id),
                )
            if todo.status is not None:
                database.execute(
                    "UPDATE runs SET status = ?, end_time = ? "
                    "WHERE run_uuid = ? AND NOT (? AND status = ?)",
                    (todo.status, todo.ended, run_id, todo.starts, KILLED),
                )

    def _add(self, database: sqlite3.Connection, run_id: str, key: str, value: str) -> None:
        found = database.execute(
            "SELECT value FROM params WHERE key = ? AND run_uuid = ?", (key, run_id)
        ).fetchone()
        if found is None:
            database.execute(
                "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)", (key, value, run_id)
            )
        elif found[0] != value:
            raise PropertyConflict(from_key(key[len(PROPERTY) :]), found[0], value)

    def put(self, artifact_uri: str, name: str, path: Path) -> None:
        raise Refused(f"The artifacts at {artifact_uri!r} need a server, and this is a database.")
