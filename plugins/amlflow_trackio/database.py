"""The database beside trackio's own: its connection, its tables, and its errors.

trackio has a database file for each project, ``<project>.db``. A transaction can also cover one of
these files, as the schema ``project``. So a value is stored in both databases or in none: exactly
for amlflow, and in trackio's own form for its page.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from amlflow.fork_safety import delay_forks
from amlflow.spec import Refused, Unsupported
from amlflow.sqlite_connections import Connection, ThreadConnections
from amlflow.tracker_data import decode_text

from amlflow_trackio.errors import translate_errors
from amlflow_trackio.folders import OWN

VERSION = 1
PATIENCE = 60
"""How many seconds to wait for other writers, as SQLite only allows one at a time."""

TABLES = """
CREATE TABLE experiments (
    id TEXT PRIMARY KEY,  -- the trackio project; kept when deleted, so that none is given twice
    name TEXT UNIQUE,  -- NULL when deleted
    created INTEGER NOT NULL,
    archived INTEGER
);
-- A project is a file, and file systems may take capitals for small letters.
CREATE UNIQUE INDEX projects ON experiments (id COLLATE NOCASE);
CREATE TABLE experiment_tags (
    experiment_id TEXT NOT NULL REFERENCES experiments,
    key TEXT NOT NULL,
    value TEXT,
    PRIMARY KEY (experiment_id, key)
) WITHOUT ROWID;
CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    alias TEXT,
    experiment_id TEXT NOT NULL REFERENCES experiments,
    parent_id TEXT,
    root_id TEXT,
    name TEXT,
    type TEXT,
    status TEXT NOT NULL,
    created INTEGER NOT NULL,
    started INTEGER,
    ended INTEGER,
    user TEXT,
    description TEXT,
    UNIQUE (experiment_id, alias)
);
CREATE INDEX runs_by_time ON runs (experiment_id, created DESC, id);
CREATE INDEX runs_by_alias ON runs (alias);
CREATE INDEX runs_by_parent ON runs (parent_id);
CREATE INDEX runs_by_root ON runs (root_id);
CREATE TABLE tags (
    run_id TEXT NOT NULL REFERENCES runs,
    key TEXT NOT NULL,
    value TEXT,
    PRIMARY KEY (run_id, key)
) WITHOUT ROWID;
CREATE TABLE properties (
    run_id TEXT NOT NULL REFERENCES runs,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run_id, key)  -- what makes them immutable
) WITHOUT ROWID;
CREATE TABLE system (
    run_id TEXT NOT NULL REFERENCES runs,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run_id, key)
) WITHOUT ROWID;
CREATE TABLE points (
    run_id TEXT NOT NULL REFERENCES runs,
    name TEXT NOT NULL,
    writer TEXT NOT NULL,
    time INTEGER NOT NULL,
    position TEXT NOT NULL,  -- whole numbers of any size
    content TEXT NOT NULL,
    PRIMARY KEY (run_id, name, writer, time, position)
) WITHOUT ROWID;
CREATE TABLE files (
    run_id TEXT NOT NULL REFERENCES runs,
    name TEXT NOT NULL,
    blob TEXT NOT NULL,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
"""


class Database:
    """The database of one trackio folder. It is made if it does not exist."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / OWN / "runs.sqlite"
        self._connections = ThreadConnections(functools.partial(_connect, self._path))
        self._writing = threading.Lock()
        with self.errors():
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                if not self._path.exists():
                    self._make()
            except OSError as error:
                raise Refused(
                    f"The folder {str(folder)!r} cannot be trackio's: {error.strerror or error}."
                ) from error
            self._check_version()

    def _make(self) -> None:
        """Make the database beside its place, and link it there unless another process was first.

        In its place, SQLite would not wait for other processes that make it: to set the journal
        mode of a database that another process is reading fails at once.
        """
        with tempfile.TemporaryDirectory(dir=self._path.parent) as staging:
            new = Path(staging) / self._path.name
            with (
                delay_forks(),
                contextlib.closing(sqlite3.connect(new, isolation_level=None)) as connection,
            ):
                connection.execute("PRAGMA journal_mode = WAL")  # readers do not wait for writers
                connection.execute("BEGIN")
                _lay_out(connection)
                connection.execute("COMMIT")
            with contextlib.suppress(FileExistsError):
                os.link(new, self._path)

    def _check_version(self) -> None:
        with self.reading() as connection:
            version = _version(connection)
        if version > VERSION:
            raise Unsupported(
                f"{str(self._path)!r} is of a newer amlflow (its version is {version}, and "
                f"this amlflow's is {VERSION}); `pip install -U amlflow`."
            )
        if version == 0:  # an earlier amlflow made it in its place, and was killed
            with self.writing() as connection:
                if _version(connection) == 0:
                    _lay_out(connection)

    @contextlib.contextmanager
    def reading(self, project: Path | None = None) -> Iterator[sqlite3.Connection]:
        """Begin a transaction for reading. All its statements see the same state."""
        with self.errors(), self._transaction("BEGIN", project) as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self, project: Path | None = None) -> Iterator[sqlite3.Connection]:
        """Begin a transaction for writing. Other writers wait, and an error undoes all of it."""
        # A lock, since SQLite waits by asking again and again. Some threads would wait very long.
        # With a project, the text differs: sqlite3 keeps compiled statements by their texts, and
        # one that was compiled before ATTACH does not lock the attached database.
        begin = "BEGIN IMMEDIATE" if project is None else "BEGIN IMMEDIATE -- and the project"
        with self.errors(), self._writing, self._transaction(begin, project) as connection:
            yield connection

    @contextlib.contextmanager
    def _transaction(self, begin: str, project: Path | None) -> Iterator[sqlite3.Connection]:
        with self._connections.use() as connection:
            if project is not None:
                _attach(connection, str(project))
            connection.execute(begin)
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def errors(self) -> AbstractContextManager[None]:
        """Turn SQLite's errors into errors of the contract."""
        return translate_errors(self._path)


def _connect(path: Path) -> Connection:
    connection = sqlite3.connect(
        path, timeout=PATIENCE, isolation_level=None, factory=Connection, check_same_thread=False
    )
    connection.text_factory = decode_text
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _attach(connection: Connection, project: str) -> None:
    """Attach a project's database, unless it is attached already."""
    if connection.attached == project:
        return
    if connection.attached is not None:
        connection.execute("DETACH project")
        connection.attached = None
    connection.execute("ATTACH ? AS project", (project,))
    connection.attached = project


def _version(connection: sqlite3.Connection) -> int:
    [version] = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _lay_out(connection: sqlite3.Connection) -> None:
    for statement in TABLES.split(";\n"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
