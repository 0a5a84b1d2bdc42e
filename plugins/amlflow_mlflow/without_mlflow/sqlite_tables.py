"""The tables of MLflow's default database, read and written by SQL of our own.

All SQL that runs without MLflow's store on SQLite is here; an agent (``run_keeper``) and the
tracker (``sqlite_tracker``) share it. The tables have had these columns since MLflow 1.0; a
database that lacks them is left to MLflow (:meth:`SqliteTables.are_known`).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, unquote

from amlflow.spec import RunNotFound, Unavailable

from amlflow_mlflow.changes import KILLED, Spelled, check_conflict
from amlflow_mlflow.errors import BUSY_TIMEOUT_S, translated
from amlflow_mlflow.own_paths import own_paths
from amlflow_mlflow.records import NAME, to_run
from amlflow_mlflow.spelling import ALIAS, DELETED

_RUN = (
    "SELECT run_uuid AS run_id, name AS run_name, user_id, status, start_time, end_time,"
    " artifact_uri, CAST(experiment_id AS TEXT) AS experiment_id FROM runs WHERE"
)
_BY_ID = f"{_RUN} run_uuid = ?"
_BY_ALIAS = (
    f"{_RUN} run_uuid IN (SELECT run_uuid FROM tags WHERE key = ? AND value = ?)"  # noqa: S608
    " ORDER BY start_time, run_uuid"
)
_DATA = (
    "SELECT 'tags' AS kind, key, value FROM tags WHERE run_uuid = ?"
    " UNION ALL SELECT 'params', key, value FROM params WHERE run_uuid = ?"
)
_END = "UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ? AND lifecycle_stage = 'active'"
_SET_STATUS = (
    "UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ? AND NOT (? AND status = ?)"
)
_SET_END = "UPDATE runs SET end_time = ? WHERE run_uuid = ?"
_SET_NAME = "UPDATE runs SET name = ? WHERE run_uuid = ?"
_SET_TAG = (
    "INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)"
    " ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value"
)
_DELETE_TAG = "DELETE FROM tags WHERE key = ? AND run_uuid = ?"
_ADD_PARAM = "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)"
_EXPERIMENTS = (
    "SELECT CAST(experiment_id AS TEXT) AS experiment_id, name, lifecycle_stage, creation_time,"
    " last_update_time FROM experiments"
)
_NOT_DELETED = "experiment_id NOT IN (SELECT experiment_id FROM experiment_tags WHERE key = ?)"
_EXPERIMENT_TAGS = "SELECT key, value FROM experiment_tags WHERE experiment_id = ?"
_LOCATIONS = "SELECT DISTINCT artifact_location FROM experiments"
_NUMBER = (
    "SELECT count(*) AS number FROM runs WHERE experiment_id = ?1 AND (start_time, run_uuid) <="
    " (SELECT start_time, run_uuid FROM runs WHERE run_uuid = ?2)"
)


class _Connections(threading.local):
    """A thread's connections, by process: a fork has its own and closes none that it inherits."""

    def __init__(self) -> None:
        self.by_process: dict[int, sqlite3.Connection] = {}


class SqliteTables:
    """MLflow's tables in the database at a ``sqlite:///`` URI.

    With ``keeps_connections`` each thread keeps one, since SQLite reads the names of all tables
    for a new one. An agent opens one for each call: it seldom asks, and the file may be replaced.
    """

    def __init__(self, uri: str, *, keeps_connections: bool = False) -> None:
        self.uri = uri
        self.path = Path(unquote(uri[len("sqlite:///") :]))
        self._connections = _Connections() if keeps_connections else None

    def connection(self) -> sqlite3.Connection:
        """This thread's connection, or a new one. Raises sqlite3.Error."""
        connections = None if self._connections is None else self._connections.by_process
        if connections is not None and os.getpid() in connections:
            return connections[os.getpid()]
        # mode=rw: a database that is not there is not made.
        address = f"file:{quote(str(self.path))}?mode=rw"
        new_connection = sqlite3.connect(address, BUSY_TIMEOUT_S, isolation_level=None, uri=True)
        if connections is not None:
            connections[os.getpid()] = new_connection
        return new_connection

    @contextmanager
    def _transaction(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        """All that is read or written within is of one moment. Raises the contract's errors."""
        with translated(self.uri, doing="written" if write else "read"):
            connection = self.connection()
            try:
                connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                try:
                    yield connection
                except BaseException:
                    with contextlib.suppress(sqlite3.Error):  # the first error says more
                        connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
            finally:
                if self._connections is None:
                    connection.close()

    def are_known(self) -> bool:
        """Whether they are MLflow's, with the columns of runs that are used here.

        Raises :class:`amlflow.spec.Unavailable` while another program holds the database's lock.
        """
        if not self.path.exists():
            return False
        try:
            with self._transaction() as connection:
                for statement, values in ((_BY_ID, ("",)), (_DATA, ("", ""))):
                    _rows(connection, statement, *values)
                return True
        except Unavailable as error:
            if isinstance(error.__cause__, sqlite3.Error) and not _is_locked(error.__cause__):
                return False
            raise

    def are_complete(self) -> bool:
        """Whether MLflow has opened the database, which makes its first experiment."""
        with self._transaction() as connection:
            return bool(_rows(connection, f"{_EXPERIMENTS} LIMIT 1"))

    # runs

    def read(self, run_id: str) -> Any:
        """The run of this id, with ``info`` and ``data`` as MLflow has them."""
        with self._transaction() as connection:
            for row in _rows(connection, _BY_ID, run_id):
                return _run(connection, row)
        raise RunNotFound(run_id, self.uri)

    def find(self, run_id: str, experiment_id: str | None) -> Any:
        """The run of this id or alias, in this experiment or any."""
        with self._transaction() as connection:
            for statement, values in ((_BY_ID, (run_id,)), (_BY_ALIAS, (ALIAS, run_id))):
                for row in _rows(connection, statement, *values):
                    if experiment_id in (None, row.experiment_id):
                        return _run(connection, row)
        raise RunNotFound(run_id, self.uri)

    def write(self, run_id: str, todo: Spelled) -> None:
        """Apply a change to a run, wholly or not at all."""
        with self._transaction(write=True) as connection:
            rows = _rows(connection, _BY_ID, run_id)
            if not rows:
                raise RunNotFound(run_id, self.uri)
            run = _run(connection, rows[0])
            stored_params = run.data.params
            check_conflict(todo.params, stored_params)
            params = [
                (key, value, run_id)
                for key, value in todo.params.items()
                if key not in stored_params
            ]
            connection.executemany(_ADD_PARAM, params)
            connection.executemany(
                _SET_TAG, [(key, value, run_id) for key, value in todo.tags.items()]
            )
            connection.executemany(_DELETE_TAG, [(key, run_id) for key in todo.removed])
            if NAME in todo.tags:
                connection.execute(_SET_NAME, (todo.tags[NAME], run_id))
            if todo.status is not None:
                connection.execute(
                    _SET_STATUS, (todo.status, todo.ended, run_id, todo.starts, KILLED)
                )
            elif todo.ended is not None and to_run(run).ended is not None:
                connection.execute(_SET_END, (todo.ended, run_id))

    def end(self, run_id: str, status: str, ended: int) -> bool:
        """Set a run's final status and end; whether there is such a run that is not deleted."""
        with self._transaction(write=True) as connection:
            return bool(connection.execute(_END, (status, ended, run_id)).rowcount)

    def own_paths(self) -> Sequence[Path]:
        return own_paths(self.path, self.artifact_locations())

    def number(self, experiment_id: str, run_id: str) -> int:
        """The place of a run in its experiment by creation, from 1."""
        with self._transaction() as connection:
            [row] = _rows(connection, _NUMBER, int(experiment_id), run_id)
            return int(row.number)

    # experiments

    def experiments(self, condition: str, *values: Any) -> list[Any]:
        """The experiments that are not deleted and meet a condition of SQL, with their tags."""
        with self._transaction() as connection:
            statement = f"{_EXPERIMENTS} WHERE {_NOT_DELETED} AND {condition}"
            rows = _rows(connection, statement, DELETED, *values)
            for row in rows:
                tags = _rows(connection, _EXPERIMENT_TAGS, int(row.experiment_id))
                row.tags = {tag.key: tag.value for tag in tags}
        return rows

    def artifact_locations(self) -> list[str]:
        """Where the files of all experiments are."""
        with self._transaction() as connection:
            return [row.artifact_location or "" for row in _rows(connection, _LOCATIONS)]


def _is_locked(error: sqlite3.Error) -> bool:
    return "locked" in str(error)


def _rows(connection: sqlite3.Connection, statement: str, *values: Any) -> list[Any]:
    """What a statement gives, each row with its columns as attributes."""
    cursor = connection.execute(statement, values)
    names = [column[0] for column in cursor.description]
    return [SimpleNamespace(**dict(zip(names, row, strict=True))) for row in cursor]


def _data(connection: sqlite3.Connection, run_id: str) -> Any:
    """A run's tags and params."""
    data: dict[str, dict[str, str]] = {"tags": {}, "params": {}}
    for row in _rows(connection, _DATA, run_id, run_id):
        data[row.kind][row.key] = row.value
    return SimpleNamespace(**data)


def _run(connection: sqlite3.Connection, row: Any) -> Any:
    return SimpleNamespace(info=row, data=_data(connection, row.run_id))
