"""A tracker on MLflow's sqlite database that imports MLflow when it is needed.

``import mlflow`` and its database store take seconds, which a command that shows one run would
spend for one row. Reading a run, experiments and numbers, and ending a run, is done on the tables
directly; they have had these columns since MLflow 1.0. The first call of another kind opens
MLflow's own store, which does most from then on.
"""

from __future__ import annotations

import functools
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from amlflow.spec import (
    ExperimentNotFound,
    ExperimentRecord,
    RunChange,
    RunNotFound,
    RunRecord,
    Unavailable,
)

from amlflow_mlflow import features
from amlflow_mlflow.changes import spelled
from amlflow_mlflow.links import experiment_link, run_link
from amlflow_mlflow.own_paths import own_paths
from amlflow_mlflow.records import to_experiment, to_run
from amlflow_mlflow.spelling import ALIAS, DELETED, OWN, to_key

if TYPE_CHECKING:
    from amlflow.spec import Tracker

WORKSPACES = "MLFLOW_ENABLE_WORKSPACES"

_RUN = (
    "SELECT run_uuid AS run_id, name AS run_name, user_id, status, start_time, end_time,"
    " CAST(experiment_id AS TEXT) AS experiment_id FROM runs WHERE "
)
_BY_ID = f"{_RUN} run_uuid = ?"
_ALIASED = "run_uuid IN (SELECT run_uuid FROM tags WHERE key = ? AND value = ?)"
_BY_ALIAS = f"{_RUN} {_ALIASED} ORDER BY start_time, run_uuid"
_DATA = (
    "SELECT 'tags' AS kind, key, value FROM tags WHERE run_uuid = ?"
    " UNION ALL SELECT 'params', key, value FROM params WHERE run_uuid = ?"
)
_END = "UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ? AND lifecycle_stage = 'active'"
_EXPERIMENTS = (
    "SELECT CAST(experiment_id AS TEXT) AS experiment_id, name, lifecycle_stage, creation_time,"
    " last_update_time FROM experiments"
)
_NOT_DELETED = "experiment_id NOT IN (SELECT experiment_id FROM experiment_tags WHERE key = ?)"
_NUMBER = (
    "SELECT count(*) AS number FROM runs WHERE experiment_id = ?1 AND (start_time, run_uuid) <="
    " (SELECT start_time, run_uuid FROM runs WHERE run_uuid = ?2)"
)


def open_quick(uri: str, opened: Tracker | None = None) -> Tracker | None:
    """The tracker at a URI, or None where MLflow itself has to open it, or has and must serve it.

    ``opened`` is MLflow's, if it is there already.
    """
    if not uri.startswith("sqlite:////") or "?" in uri:
        return None
    if is_by_workspace():
        return None  # whose runs a caller sees is for MLflow's store to say
    quick = QuickTracker(uri, Path(unquote(uri[len("sqlite:///") :])), opened)
    try:
        quick.asked(_BY_ID, "")
        if not quick.asked(f"{_EXPERIMENTS} LIMIT 1"):
            return None  # MLflow makes its first experiment when it opens the database
    except sqlite3.Error:  # no such file yet, or tables of another MLflow than we know
        return None
    return quick


def is_by_workspace() -> bool:
    """Whether MLflow shows a caller the runs of one workspace only."""
    return os.environ.get(WORKSPACES, "false").lower() in ("true", "1")


class _Kept(threading.local):
    """A thread's connections."""

    def __init__(self) -> None:
        self.by_process: dict[int, sqlite3.Connection] = {}


class QuickTracker:
    """See :class:`amlflow.spec.Tracker`."""

    features = features

    def __init__(self, uri: str, path: Path, opened: Tracker | None) -> None:
        self.uri = uri
        self._path = path
        self._address = f"file:{quote(str(path))}?mode=rw"
        self._kept = _Kept()
        self._mlflow: Any = opened
        self._opening = threading.Lock()

    def rows(self, statement: str, *values: Any) -> list[Any]:
        """As :meth:`asked`, with errors in the contract's words."""
        with self.reading() as ask:
            return ask(statement, *values)

    @contextmanager
    def reading(self) -> Iterator[Callable[..., list[Any]]]:
        """To ask several times of one moment, with errors in the contract's words."""
        with self._translated("read"):
            database = self._connection()
            database.execute("BEGIN")
            try:
                yield functools.partial(_answer, database)
            finally:
                database.rollback()

    @contextmanager
    def _translated(self, done: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise Unavailable(
                f"The tracking database {self.uri} cannot be {done} now: {error}. If another "
                "program holds its lock, try again when that has ended."
            ) from error

    def asked(self, statement: str, *values: Any) -> list[Any]:
        """What the database answers, each row with its columns as attributes."""
        return _answer(self._connection(), statement, *values)

    def _connection(self) -> sqlite3.Connection:
        """This thread's connection, kept since sqlite reads all its tables' names for a new one.

        A process forked from this one has its own, and never closes what it inherits.
        """
        kept, process = self._kept.by_process, os.getpid()
        if process not in kept:
            kept[process] = sqlite3.connect(self._address, timeout=15, uri=True)
        return kept[process]

    def _opened(self) -> Any:
        with self._opening:
            if self._mlflow is None:
                from amlflow_mlflow.tracker import MlflowTracker

                self._mlflow = MlflowTracker(self.uri)
            return self._mlflow

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._opened(), name)

    # what is read without MLflow; once it is there, it does most of this too

    def get_run(self, run_id: str, experiment_id: str | None = None) -> RunRecord:
        # This is also many times as quick as MLflow is once it is there.
        with self.reading() as ask:
            for statement, values in ((_BY_ID, (run_id,)), (_BY_ALIAS, (ALIAS, run_id))):
                for found in ask(statement, *values):
                    if experiment_id in (None, found.experiment_id):
                        data = _data(ask(_DATA, found.run_id, found.run_id))
                        return to_run(SimpleNamespace(info=found, data=data))
        raise RunNotFound(run_id, self.uri)

    def run_numbers(self, runs: Sequence[RunRecord]) -> list[int]:
        if self._mlflow is not None:
            return self._mlflow.run_numbers(runs)  # type: ignore[no-any-return]
        places = [(int(run.experiment_id), run.id) for run in runs]
        return [self.rows(_NUMBER, *place)[0].number for place in places]

    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        if self._mlflow is not None:
            return self._mlflow.get_experiment(experiment_id)  # type: ignore[no-any-return]
        for record in self._experiments("CAST(experiment_id AS TEXT) = ?", experiment_id):
            return record
        raise ExperimentNotFound(experiment_id, self.uri)

    def list_experiments(self) -> Iterator[ExperimentRecord]:
        if self._mlflow is not None:
            return self._mlflow.list_experiments()  # type: ignore[no-any-return]
        return self._experiments(
            "substr(name, 1, ?) != ? ORDER BY creation_time DESC, experiment_id ASC", len(OWN), OWN
        )

    def _experiments(self, condition: str, *values: Any) -> Iterator[ExperimentRecord]:
        statement = f"{_EXPERIMENTS} WHERE {_NOT_DELETED} AND {condition}"
        for found in self.rows(statement, DELETED, *values):
            tags = self.rows(
                "SELECT key, value FROM experiment_tags WHERE experiment_id = ?",
                int(found.experiment_id),
            )
            found.tags = {each.key: each.value for each in tags}
            yield to_experiment(found)

    # MLflow loads a run with all it has to end it

    def update_run(self, run_id: str, change: RunChange) -> None:
        mlflow = self._mlflow
        todo = spelled(change, noted=mlflow is not None and mlflow.is_noted(run_id))
        if todo.ended is None or todo.params or todo.tags or todo.removed:
            self._opened().update_run(run_id, change)
            return
        with self._translated("written"), self._connection() as database:
            found = database.execute(_END, (todo.status, todo.ended, run_id))
        if not found.rowcount:  # MLflow says why
            self._opened().update_run(run_id, change)
        elif mlflow is not None:
            mlflow.has_ended(run_id)

    def check_name(self, name: str) -> None:
        to_key(name)

    def own_paths(self) -> Sequence[Path]:
        found = self.rows("SELECT DISTINCT artifact_location FROM experiments")
        return own_paths(self._path, [each.artifact_location or "" for each in found])

    def run_link(self, run: RunRecord) -> str:
        return run_link(self.uri, run)

    def experiment_link(self, experiment_id: str) -> str:
        return experiment_link(self.uri, experiment_id)


def _answer(database: sqlite3.Connection, statement: str, *values: Any) -> list[Any]:
    found = database.execute(statement, values)
    names = [column[0] for column in found.description]
    return [SimpleNamespace(**dict(zip(names, row, strict=True))) for row in found]


def _data(rows: list[Any]) -> SimpleNamespace:
    found: dict[str, dict[str, str]] = {"tags": {}, "params": {}}
    for each in rows:
        found[each.kind][each.key] = each.value
    return SimpleNamespace(**found)
