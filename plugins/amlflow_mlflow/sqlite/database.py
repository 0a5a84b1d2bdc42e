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

import amlflow_mlflow_private as private
from amlflow.spec import is_tried_once
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


class _Connections(threading.local):
    """A thread's connections, by process. A forked child must not close those of its parent."""

    def __init__(self) -> None:
        self.by_process: dict[int, sqlite3.Connection] = {}


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
        self._connections = _Connections() if keeps_connections else None
        self._open = _Open()

    def connection(self) -> sqlite3.Connection:
        """Return this thread's connection, or a new one. Raises sqlite3.Error."""
        connections = None if self._connections is None else self._connections.by_process
        if connections is not None and os.getpid() in connections:
            return connections[os.getpid()]
        new_connection = self._connect("rw", BUSY_TIMEOUT_S)
        if connections is not None:
            connections[os.getpid()] = new_connection
        return new_connection

    def _connect(self, mode: str, busy_timeout_s: float) -> sqlite3.Connection:
        """Open a connection. ``mode`` is "rw", or "rwc" to make the file if it does not exist."""
        address = f"file:{quote(str(self.path))}?mode={mode}"
        connection = sqlite3.connect(
            address, timeout=busy_timeout_s, isolation_level=None, uri=True
        )
        connection.text_factory = decode_text
        # The same settings as in MLflow.
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA case_sensitive_like = ON")
        return connection

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
            connection = self.connection()
            try:
                with transaction(connection, begin):
                    yield connection
            finally:
                if self._connections is None:
                    connection.close()

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
        with contextlib.closing(self._connect(mode, patience_s)) as connection:
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
