"""Connections to MLflow's database, and transactions on them."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import amlflow_mlflow_private as private
from amlflow.fork_safety import delay_forks
from amlflow.spec import is_tried_once
from amlflow.sqlite_connections import Connection, ThreadConnections
from amlflow.tracker_data import decode_text

from amlflow_mlflow import workspaces
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


class _Open(threading.local):
    """The connection on which this thread is writing; None if it is not writing."""

    connection: sqlite3.Connection | None = None


class Database:
    """The database at a ``sqlite:///`` URI.

    With ``keeps_connections``, each thread keeps a connection, since SQLite reads the names of all
    tables for a new one. An agent opens a connection for each call, because it makes few calls and
    the file may be replaced.
    """

    def __init__(self, uri: str, *, keeps_connections: bool = True) -> None:
        self.uri = uri
        self.path = sqlite_path(uri)
        self._connections: ThreadConnections | None = None
        if keeps_connections:
            self._connections = ThreadConnections(functools.partial(_connect, self.path))
        self._open = _Open()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Begin a block in which all reads see the same state. Raises the contract's errors.

        In a block of :meth:`write`, reads also see what the block has written.
        """
        with self._transaction("BEGIN", "read") as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Begin a block whose writes are stored together or not at all.

        In another such block of this thread, it is a part of that one. Raises the contract's
        errors.
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
            with self._connection() as connection, transaction(connection, begin):
                yield connection

    def _connection(self) -> AbstractContextManager[sqlite3.Connection]:
        if self._connections is None:
            return self._connected("rw", BUSY_TIMEOUT_S)
        return self._connections.use()

    def select(self, statement: str, values: Values) -> list[Any]:
        """Return the rows of one statement."""
        with self.read() as connection:
            try:
                connection.text_factory = str  # takes half the time for many rows
                return connection.execute(statement, values).fetchall()
            except sqlite3.OperationalError as error:
                if not says(error, NOT_UTF8):
                    raise
            finally:
                connection.text_factory = decode_text
            return connection.execute(statement, values).fetchall()

    @contextmanager
    def opening(self, mode: str = "rw") -> Iterator[sqlite3.Connection]:
        """Open another connection, which waits longer for a lock. Raises sqlite3.Error."""
        patience_s = BUSY_TIMEOUT_S if is_tried_once() else BUSY_OPENING_S
        with self._connected(mode, patience_s) as connection:
            yield connection

    @contextmanager
    def _connected(self, mode: str, patience_s: float) -> Iterator[sqlite3.Connection]:
        with delay_forks(), contextlib.closing(_connect(self.path, mode, patience_s)) as connection:
            yield connection

    def revision(self) -> str | None:
        """Read the revision of MLflow's schema. None if it is not known here.

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
                return None  # not a database, or not MLflow's: MLflow will raise the error


def _connect(path: Path, mode: str = "rw", busy_timeout_s: float = BUSY_TIMEOUT_S) -> Connection:
    """Open a connection. ``mode`` is "rw", or "rwc" to make the file if it does not exist."""
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        timeout=busy_timeout_s,
        isolation_level=None,
        uri=True,
        factory=Connection,
        check_same_thread=False,
    )
    connection.text_factory = decode_text
    # The same settings as in MLflow.
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA case_sensitive_like = ON")
    return connection


def _read_revision(connection: sqlite3.Connection) -> str | None:
    rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    if len(rows) != 1 or rows[0][0] not in revisions.KNOWN:
        return None
    revision = str(rows[0][0])
    if revisions.has(revision, revisions.WORKSPACES):
        others = "SELECT 1 FROM experiments WHERE workspace <> 'default' LIMIT 1"
        if connection.execute(others).fetchone():
            return None  # only MLflow can open a database with workspaces
    return revision


def is_plain(uri: str) -> bool:
    """Whether a URI names a database file that has no workspaces and belongs to no server."""
    return (
        uri.startswith(SQLITE)
        and uri.removeprefix(SQLITE) not in ("", ":memory:")
        and "?" not in uri
        and not workspaces.are_enabled()
        and not private.is_server_process()
    )


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    """Begin a transaction: the block is stored as a whole, or not at all. Raises sqlite3.Error."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # the first error is more useful
            connection.execute("ROLLBACK")
        raise
