"""Calls to MLflow: opening its store, and its errors in the contract's words."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import requests
import tenacity
from amlflow.exceptions import AuthenticationException, AzureMLException
from amlflow.spec import Refused, RunNotFound, Unavailable, is_tried_once, redacted
from mlflow.exceptions import MlflowException
from mlflow.tracking._tracking_service.utils import _get_store

from amlflow_mlflow.errors import cause, cleaned, error_of_store
from amlflow_mlflow.own_paths import ARTIFACTS
from amlflow_mlflow.rest_client import Server

Result = TypeVar("Result")

PROBE_TIMEOUT_S = 5
BUSY_TIMEOUT_S = 15
DATABASE_THREADS = 4

BUSY_OPENING_S = 60
"""That a locked database is waited for when it is opened, as when many jobs start together."""

SERVER_STORE = "_MLFLOW_SERVER_FILE_STORE"
"""Set in the processes of MLflow's server, whose store takes the root of artifacts from its own
settings."""

_BUSY = ("database is locked", "deadlock detected", "could not serialize")
_SAME = ("failed: metrics", "failed: latest_metrics", "metric_pk", "metrics_pk")
"""Two processes sent the same point at the same moment; MLflow finds it when it is asked again."""


class _WithoutDatabaseTracebacks(logging.Filter):
    """MLflow logs a database error with its traceback and raises it too; the error is enough."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith("SQLAlchemy database error")


logging.getLogger("mlflow.store.db.utils").addFilter(_WithoutDatabaseTracebacks())


def open_store(uri: str) -> Any:
    """MLflow's store at a URI; a database that is locked is waited for.

    Raises :class:`Unavailable`: within seconds if nobody answers, after :data:`BUSY_OPENING_S` if
    another program holds the database's lock.
    """
    if uri.startswith(("http:", "https:")):
        server = Server(uri)
        # MLflow's own first call would be tried again for minutes.
        server.client.probe()
        return server
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
    except Exception as error:  # whatever the database's driver raises while MLflow makes tables
        if _is_busy(error):
            raise _busy(uri) from error
        raise Unavailable(
            f"The tracking database {redacted(uri)} does not open ({cause(error)}). Check that it "
            "is one of MLflow's, or correct MLFLOW_TRACKING_URI."
        ) from error


def _open(uri: str) -> Any:
    if not uri.startswith(("file:", "databricks")):
        _make_tables(_probed_database(uri))
    with _without_migration_log(), translated(uri):
        store = _get_store(store_uri=uri, artifact_uri=_artifact_root(uri))
    if hasattr(store, "engine"):
        _engines.add(store.engine)
    return store


def _is_busy(error: BaseException) -> bool:
    """Whether another program's lock is the reason of an error."""
    reason: BaseException | None = error
    while reason is not None:
        if any(word in str(reason) for word in _BUSY):
            return True
        reason = reason.__cause__
    return False


def _busy(uri: str) -> Unavailable:
    return Unavailable(
        f"The tracking database {redacted(uri)} is busy: another program holds its lock. "
        "Try again when that has ended; a database server serves many writers better."
    )


_engines: set[Any] = set()
"""Of all databases that this process has opened."""


def _after_fork() -> None:
    """Leave the connections of the process that this one was forked from to that one."""
    for engine in _engines:
        engine.dispose(close=False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _artifact_root(uri: str) -> str | None:
    """MLflow puts files beside the working folder; beside the database they stay together."""
    if SERVER_STORE in os.environ or not uri.startswith("sqlite:///"):
        return None
    return str(Path(unquote(uri[len("sqlite:///") :])).with_name(ARTIFACTS))


def _probed_database(uri: str) -> Any:
    """An engine for a database that answers."""
    # MLflow would try to connect again and again, for the better part of an hour.
    import sqlalchemy

    timeout = {} if uri.startswith(("sqlite", "mssql")) else {"connect_timeout": PROBE_TIMEOUT_S}
    try:
        engine = sqlalchemy.create_engine(uri, connect_args=timeout, poolclass=sqlalchemy.NullPool)
        engine.connect().close()
        return engine
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        raise Unavailable(
            f"The tracking database {redacted(uri)} does not open ({cause(error)}). Check that it "
            "is there and that you may use it, or correct MLFLOW_TRACKING_URI."
        ) from None


def _make_tables(engine: Any) -> None:
    """Make a new database's tables; of several processes, one does and the others wait."""
    from mlflow.store.db.utils import _all_tables_exist, _safe_initialize_tables

    if not _all_tables_exist(engine):
        with _without_migration_log():
            _safe_initialize_tables(engine)


class Deleted(RunNotFound):
    """MLflow changes nothing of a run that is deleted, or whose experiment is archived."""

    def __init__(self, run_id: str) -> None:
        super().__init__(run_id)
        self.message = _sealed(f"Run {run_id} is one of these.")


def _sealed(what: str) -> str:
    return (
        f"MLflow changes nothing of what is archived or deleted. {what} Reactivate the experiment, "
        "or restore the run in MLflow, first."
    )


@contextlib.contextmanager
def _without_migration_log() -> Iterator[None]:
    """The tables of a new database are made once, and nobody needs forty lines about it."""
    loggers = [logging.getLogger(name) for name in ("mlflow.store.db.utils", "alembic")]
    levels = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)


@contextlib.contextmanager
def translated(uri: str, missing: AzureMLException | None = None) -> Iterator[None]:
    """Raise MLflow's errors as the contract's; ``missing`` is what a missing resource is."""
    try:
        yield
    except MlflowException as error:
        raise _translation(uri, missing, error) from error
    except requests.exceptions.RequestException as error:  # of an artifact store
        raise error_of_store(error, "The artifact store", "this") or Unavailable(
            f"The artifact store does not answer ({cause(error)})."
        ) from error


def _translation(
    uri: str, missing: AzureMLException | None, error: MlflowException
) -> AzureMLException:
    code, message = error.error_code, str(error.message).strip()
    first = cleaned(message, uri) or code
    if code in ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND") and missing is not None:
        return missing
    if "'active' state" in message:
        return (
            Deleted(missing.run_id) if isinstance(missing, RunNotFound) else Refused(_sealed(first))
        )
    if any(word in message for word in _BUSY):
        return _busy(uri)
    if code in ("UNAUTHENTICATED", "PERMISSION_DENIED", "CUSTOMER_UNAUTHORIZED"):
        return AuthenticationException(
            f"MLflow at {redacted(uri)} refuses: {first} "
            "Check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD or MLFLOW_TRACKING_TOKEN."
        )
    if code in ("TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "INTERNAL_ERROR") or (
        "API request" in first and "failed" in first
    ):
        return Unavailable(f"MLflow at {redacted(uri)} could not do this now: {first}")
    return Refused(f"MLflow refuses this: {first}")


class Calls:
    """Makes calls to one store: patient with a locked database, errors in the contract's words."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.where = redacted(uri)
        # Within one call MLflow holds up to three of its fifteen database connections, so with
        # too many threads each would wait for the others' until the pool gives up.
        served = uri.startswith(("http:", "https:", "databricks"))
        self._room = contextlib.nullcontext() if served else threading.Semaphore(DATABASE_THREADS)

    def __call__(
        self, call: Callable[[], Result], missing: AzureMLException | None = None
    ) -> Result:
        """What the call returns. ``missing`` is raised where MLflow finds nothing."""
        with translated(self.uri, missing), self._room:
            return _patiently(call)

    def on_run(self, run_id: str, call: Callable[[], Result]) -> Result:
        """As a call; a run that is not there raises :class:`RunNotFound`."""
        return self(call, RunNotFound(run_id, self.where))


def _patiently(call: Callable[[], Result]) -> Result:
    """Call again while others are in the way: sqlite takes one writer at a time."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(
            lambda error: (
                isinstance(error, MlflowException)
                and any(word in str(error.message) for word in (*_BUSY, *_SAME))
            )
        ),
        wait=tenacity.wait_random_exponential(multiplier=0.02, max=1),
        stop=tenacity.stop_after_delay(BUSY_TIMEOUT_S),
        reraise=True,
    )
    return retrying(call)
