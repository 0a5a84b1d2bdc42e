"""Opens MLflow's store at a URI. A failure takes seconds, and not an hour as in MLflow."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import amlflow_mlflow_private as private
import tenacity
from amlflow.exceptions import AzureMLException
from amlflow.fork_safety import call_before_forks, delay_forks
from amlflow.spec import is_tried_once
from amlflow.tracker_data import decode_text

from amlflow_mlflow.errors import BUSY, BUSY_OPENING_S, opening_error, says, translate_errors
from amlflow_mlflow.own_paths import ARTIFACTS
from amlflow_mlflow.schemes import SQLITE, is_database, scheme_of, sqlite_path

PROBE_TIMEOUT_S = 5


class _WithoutDatabaseTracebacks(logging.Filter):
    """A filter for logs: MLflow logs the traceback of a database error that it also raises."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith("SQLAlchemy database error")


logging.getLogger("mlflow.store.db.utils").addFilter(_WithoutDatabaseTracebacks())


def open_database(uri: str) -> Any:
    """Open MLflow's store at a URI. Waits for a locked database.

    Raises :class:`amlflow.spec.Unavailable`: within seconds if no database answers, and after
    :data:`BUSY_OPENING_S` if another program holds the database's lock.
    """
    opening = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_busy),
        wait=tenacity.wait_random_exponential(multiplier=0.05, max=1),
        stop=tenacity.stop_after_delay(0 if is_tried_once() else BUSY_OPENING_S),
        reraise=True,
    )
    try:
        return opening(_open, uri)
    except AzureMLException:
        raise
    except Exception as error:  # the database's driver may raise any error while tables are made
        raise opening_error(uri, error) from error


def _open(uri: str) -> Any:
    if is_database(uri):
        _make_tables(probe_database(uri))
    with _without_migration_log(), translate_errors(uri), without_forks(uri):
        store = private.get_store(uri, _artifact_root(uri))
    note_engine(store)
    if hasattr(store, "engine") and store.engine.dialect.name == "sqlite":
        _decode_leniently(store.engine)
    return store


def _decode_leniently(engine: Any) -> None:
    """Read texts that are not in UTF-8. Otherwise one such text would make a statement fail.

    In the processes of MLflow's server, this applies to all engines, since MLflow uses another
    engine for the same database.
    """
    # A store of another package needs no database.
    from sqlalchemy import event, pool

    target = pool.Pool if private.is_server_process() else engine
    if not event.contains(target, "checkout", _set_text_factory):
        event.listen(target, "checkout", _set_text_factory)


def _set_text_factory(connection: Any, *_: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.text_factory = decode_text


def _is_busy(error: BaseException) -> bool:
    """Whether another program's lock is the cause of an error."""
    return says(error, BUSY)


_engines: set[Any] = set()
"""The engines of all databases that this process has opened."""


def note_engine(store: Any) -> None:
    """Note the engine of one of MLflow's stores, so that a fork leaves its connections alone."""
    if hasattr(store, "engine"):
        _engines.add(store.engine)


def without_forks(uri: str) -> AbstractContextManager[None]:
    """Begin a block that uses a database. If it is a SQLite file, a fork waits for the end."""
    return delay_forks() if scheme_of(uri) == "sqlite" else nullcontext()


def _close_sqlite() -> None:
    """Close the connections to SQLite files that no thread uses, before a fork."""
    for engine in _engines:
        if engine.dialect.name == "sqlite":
            engine.dispose()


def _leave_connections() -> None:
    """Leave the connections to the parent, in a forked process."""
    for engine in _engines:
        engine.dispose(close=False)


call_before_forks(_close_sqlite)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_connections)


def _artifact_root(uri: str) -> str | None:
    """Return the folder for files: beside the database. MLflow's default is the working folder.

    In the processes of MLflow's server, the server's settings decide.
    """
    if private.is_server_process() or not uri.startswith(SQLITE):
        return None
    return str(sqlite_path(uri).with_name(ARTIFACTS))


def probe_database(uri: str) -> Any:
    """Check that a database answers, as MLflow would try for almost an hour. Return an engine."""
    # A store of another package needs no database.
    import sqlalchemy

    timeout = {} if uri.startswith(("sqlite", "mssql")) else {"connect_timeout": PROBE_TIMEOUT_S}
    engine = sqlalchemy.create_engine(uri, connect_args=timeout, poolclass=sqlalchemy.NullPool)
    engine.connect().close()
    return engine


def _make_tables(engine: Any) -> None:
    """Make the tables of a new database. If several processes do so, one makes them."""
    if not private.all_tables_exist(engine):
        with _without_migration_log():
            private.make_tables(engine)


@contextlib.contextmanager
def _without_migration_log() -> Iterator[None]:
    """Turn off the forty lines that MLflow logs when it makes the tables of a new database."""
    loggers = [logging.getLogger(name) for name in ("mlflow.store.db.utils", "alembic")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
