"""Connections to MLflow's database, and transactions on them."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from amlflow.spec import is_tried_once
from amlflow.tracker_data import decode_text

from amlflow_mlflow import private, workspaces
from amlflow_mlflow.errors import (
    BUSY,
    BUSY_OPENING_S,
    BUSY_TIMEOUT_S,
    NOT_UTF8,
    says,
    translate_errors,
)
from amlflow_mlflow.schemes import SQLITE, sqlite_path
from amlflow_mlflow.sqlite import revisions

Values = Sequence[Any] | Mapping[str, Any]


class _Connections(threading.local):
    """A thread's connections, by process: a fork has its own and closes none that it inherits."""

    def __init__(self) -> None:
        self.by_process: dict[int, sqlite3.Connection] = {}


class _Open(threading.local):
    """The connection on which this thread has begun to write, if it has."""

    connection: sqlite3.Connection | None = None


class Database:
    """The database at a ``sqlite:///`` URI.

    With ``keeps_connections`` each thread keeps one, since SQLite reads the names of all tables
    for a new one. An agent opens one for each call: it seldom asks, and the file may be replaced.
    """

    def __init__(self, uri: str, *, keeps_connections: bool = True) -> None:
        self.uri = uri
        self.path = sqlite_path(uri)
        self._connections = _Connections() if keeps_connections else None
        self._open = _Open()

    def connection(self) -> sqlite3.Connection:
        """This thread's connection, or a new one. Raises sqlite3.Error."""
        connections = None if self._connections is None else self._connections.by_process
        if connections is not None and os.getpid() in connections:
            return connections[os.getpid()]
        new_connection = self._connect("rw", BUSY_TIMEOUT_S)
        if connections is not None:
            connections[os.getpid()] = new_connection
        return new_connection

    def _connect(self, mode: str, busy_timeout_s: float) -> sqlite3.Connection:
        """Connect; ``mode`` is ``rw``, or ``rwc`` for a file that may have to be made."""
        address = f"file:{quote(str(self.path))}?mode={mode}"
        connection = sqlite3.connect(
            address, timeout=busy_timeout_s, isolation_level=None, uri=True
        )
        connection.text_factory = decode_text
        # As MLflow has them.
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA case_sensitive_like = ON")
        return connection

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """All that is read within is of one moment. Raises the contract's errors.

        Within :meth:`write`, what has been written so far is read, too.
        """
        with self._transaction("BEGIN", "read") as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """All that is written within is stored, or nothing. Raises the contract's errors.

        Within another :meth:`write` of this thread, it is a part of that one.
        """
        is_outer = self._open.connection is None
        with self._transaction("BEGIN IMMEDIATE", "written") as connection:
            self._open.connection = connection
            try:
                yield connection
            finally:
                if is_outer:
                    self._open.connection = None

    @contextmanager
    def _transaction(self, begin: str, doing: str) -> Iterator[sqlite3.Connection]:
        with translate_errors(self.uri, doing=doing):
            if self._open.connection is not None:
                yield self._open.connection
                return
            connection = self.connection()
            try:
                with transaction(connection, begin):
                    yield connection
            finally:
                if self._connections is None:
                    connection.close()

    def select(self, statement: str, values: Values) -> list[Any]:
        """The rows of one statement."""
        with self.read() as connection:
            try:
                connection.text_factory = str  # half the time for many rows
                return connection.execute(statement, values).fetchall()
            except sqlite3.OperationalError as error:
                if not says(error, NOT_UTF8):
                    raise
            finally:
                connection.text_factory = decode_text
            return connection.execute(statement, values).fetchall()

    @contextmanager
    def opening(self, mode: str = "rw") -> Iterator[sqlite3.Connection]:
        """A connection of its own, which waits longer for a lock. Raises sqlite3.Error."""
        patience_s = BUSY_TIMEOUT_S if is_tried_once() else BUSY_OPENING_S
        with contextlib.closing(self._connect(mode, patience_s)) as connection:
            yield connection

    def revision(self) -> str | None:
        """MLflow's revision of the schema, if it is one that is known here.

        Raises :class:`amlflow.spec.Unavailable` while another program holds the database's lock.
        """
        if not self.path.is_file():
            return None
        with translate_errors(self.uri, doing="read"):
            try:
                with self.opening() as connection:
                    return _read_revision(connection)
            except sqlite3.Error as error:
                if says(error, BUSY):
                    raise
                return None  # not MLflow's, or not a database: MLflow says what is wrong


def _read_revision(connection: sqlite3.Connection) -> str | None:
    rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    if len(rows) != 1 or rows[0][0] not in revisions.KNOWN:
        return None
    revision = str(rows[0][0])
    if revisions.has(revision, revisions.WORKSPACES):
        others = "SELECT 1 FROM experiments WHERE workspace <> 'default' LIMIT 1"
        if connection.execute(others).fetchone():
            return None  # MLflow opens it with its workspaces only
    return revision


def is_plain(uri: str) -> bool:
    """Whether a URI is that of a database file, with all runs for everybody."""
    return (
        uri.startswith(SQLITE)
        and uri.removeprefix(SQLITE) not in ("", ":memory:")
        and "?" not in uri
        and not workspaces.are_enabled()
        and not private.is_server_process()
    )


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    """A transaction: all that is done within, or nothing. Raises sqlite3.Error."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # the first error says more
            connection.execute("ROLLBACK")
        raise
