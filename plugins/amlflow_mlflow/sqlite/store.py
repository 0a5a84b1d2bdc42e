"""Experiments and runs in MLflow's default database, with MLflow's rules and rows."""

from __future__ import annotations

import random
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from amlflow.spec import KnownLimit, Refused

from amlflow_mlflow.artifact_clients import open_client
from amlflow_mlflow.entities import ACTIVE, ALL, InputDataset, MetricPoint, Page, Row, Run, RunInfo
from amlflow_mlflow.local_artifacts import open_folder
from amlflow_mlflow.page_tokens import to_offset
from amlflow_mlflow.records import NAME
from amlflow_mlflow.sqlite import inputs, new_database, revisions
from amlflow_mlflow.sqlite.database import Database, is_plain
from amlflow_mlflow.sqlite.entries import add_params, set_tags
from amlflow_mlflow.sqlite.experiments import SqliteExperiments
from amlflow_mlflow.sqlite.filters import to_order_sql, to_sql
from amlflow_mlflow.sqlite.late import LateStore
from amlflow_mlflow.sqlite.points import read_points, write_points
from amlflow_mlflow.sqlite.registry import SqliteRegistry
from amlflow_mlflow.sqlite.rows import (
    SET_STAGE,
    now_ms,
    page,
    read_active,
    read_info,
    read_run,
    read_runs,
)
from amlflow_mlflow.store import ArtifactStore

_ADD_RUN = (
    "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status,"
    " start_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
    " VALUES (?, ?, 'UNKNOWN', '', '', ?, 'RUNNING', ?, '', 'active', ?, ?)"
)
_KINDS = ("bold", "brisk", "calm", "clear", "deep", "fair", "keen", "light", "quick", "warm")
_THINGS = ("brook", "cedar", "cloud", "field", "grove", "hill", "lake", "maple", "reed", "stone")
_ASSESSED = (
    "SELECT 1 FROM assessments AS a JOIN runs AS r ON instr(a.assessment_metadata,"
    " '\"mlflow.assessment.sourceRunId\": \"' || r.run_uuid || '\"') > 0"
    " WHERE r.{column} = ? LIMIT 1"
)


def open_sqlite(uri: str) -> SqliteStore | None:
    """Open the store at a URI. None if MLflow itself has to open it.

    A database that does not exist is made. Raises :class:`amlflow.spec.Unavailable`.
    """
    if not is_plain(uri):
        return None
    database = Database(uri)
    revision = database.revision()
    if revision is None and revisions.is_schema_installed() and new_database.make(database):
        revision = revisions.SCHEMA
    if revision is None:
        return None
    new_database.ensure_first_experiment(database)
    return SqliteStore(database, revision)


class SqliteStore(SqliteExperiments):
    """An :class:`amlflow_mlflow.store.Store` on MLflow's default database.

    Unlike in MLflow's own store, each call is one transaction. Several calls can be one transaction
    with :meth:`at_once`.
    """

    is_server = False
    is_atomic = True
    filters_null = True
    known_limits: Sequence[KnownLimit] = ()
    threads = 1  # SQLite only allows one writer at a time
    dialect: str | None = "sqlite"

    def __init__(self, database: Database, revision: str) -> None:
        super().__init__(database)
        self._revision = revision
        self.registry = SqliteRegistry(database)
        self._mlflow = LateStore(database.uri)

    def at_once(self) -> AbstractContextManager[object]:
        return self.db.write()

    def delete_experiment(self, experiment_id: str) -> None:
        if self._is_assessed("experiment_id", experiment_id):
            self._mlflow.get().delete_experiment(experiment_id)
        else:
            super().delete_experiment(experiment_id)

    # runs

    def create_run(
        self, experiment_id: str, user: str, start_ms: int, tags: Mapping[str, str],
        name: str | None,
    ) -> Run:  # fmt: skip
        if name and tags.get(NAME, name) != name:
            raise Refused(
                f"The run's name is {name!r}, and its tag {NAME!r} is {tags[NAME]!r}; MLflow takes "
                "one name. Leave one of them out."
            )
        run_id, run_name = uuid.uuid4().hex, name or tags.get(NAME) or _new_name()
        with self.db.write() as connection:
            experiment = self.active_experiment(connection, experiment_id)
            root = _join(experiment.artifact_location or "", f"{run_id}/artifacts")
            connection.execute(
                _ADD_RUN, (run_id, run_name, user, start_ms, root, int(experiment_id))
            )
            set_tags(connection, run_id, {**tags, NAME: run_name})
            return read_run(connection, run_id, self.uri)

    def get_run(self, run_id: str) -> Run:
        with self.db.read() as connection:
            return read_run(connection, run_id, self.uri)

    def delete_run(self, run_id: str) -> None:
        if self._is_assessed("run_uuid", run_id):
            self._mlflow.get().delete_run(run_id)
            return
        with self.db.write() as connection:
            self._set_stage(connection, run_id, "deleted", now_ms())

    def restore_run(self, run_id: str) -> None:
        with self.db.write() as connection:
            self._set_stage(connection, run_id, "active", None)

    def _set_stage(
        self, connection: sqlite3.Connection, run_id: str, stage: str, deleted_ms: int | None
    ) -> None:
        read_info(connection, run_id, self.uri)
        connection.execute(f"{SET_STAGE} run_uuid = ?", (stage, deleted_ms, run_id))

    def _is_assessed(self, column: str, value: str) -> bool:
        """Whether MLflow would delete assessments of traces together with a run."""
        if not revisions.has(self._revision, revisions.ASSESSMENTS):
            return False
        return bool(self.db.select(_ASSESSED.format(column=column), (value,)))

    def update_run_info(self, run_id: str, status: str | None, ended_ms: int | None) -> RunInfo:
        with self.db.write() as connection:
            info = read_active(connection, run_id, self.uri)
            info.status = info.status if status is None else status
            info.end_time = info.end_time if ended_ms is None else ended_ms
            connection.execute(
                "UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ?",
                (info.status, info.end_time, run_id),
            )
            return info

    def log_batch(
        self, run_id: str, *, metrics: Sequence[MetricPoint] = (),
        params: Mapping[str, str] | None = None, tags: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        with self.db.write() as connection:
            read_active(connection, run_id, self.uri)
            add_params(connection, run_id, params or {})
            write_points(connection, run_id, metrics)
            set_tags(connection, run_id, tags or {})

    def log_inputs(self, run_id: str, datasets: Sequence[InputDataset]) -> None:
        with self.db.write() as connection:
            info = read_active(connection, run_id, self.uri)
            inputs.write(connection, int(info.experiment_id), run_id, datasets)

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        self.log_batch(run_id, tags={key: value})

    def delete_tag(self, run_id: str, key: str) -> None:
        with self.db.write() as connection:
            read_active(connection, run_id, self.uri)
            connection.execute("DELETE FROM tags WHERE run_uuid = ? AND key = ?", (run_id, key))

    def search_runs(
        self, experiment_ids: Sequence[str], condition: str, *, view: str, size: int,
        order: Sequence[str], token: str | None = None,
    ) -> Page[Run]:  # fmt: skip
        ids = [int(experiment_id) for experiment_id in experiment_ids]
        offset = to_offset(token)
        clauses, values = to_sql(condition)
        clauses.append(f"r.experiment_id IN ({', '.join('?' * len(ids))})")
        values += ids
        clauses.append("typeof(r.run_uuid) = 'text'")
        if view != ALL:
            clauses.append(f"r.lifecycle_stage = '{'active' if view == ACTIVE else 'deleted'}'")
        order_sql, order_values = to_order_sql(order)
        rest = f"WHERE {' AND '.join(clauses)} ORDER BY {order_sql} LIMIT ? OFFSET ?"
        with self.db.read() as connection:
            runs = read_runs(connection, rest, [*values, *order_values, size + 1, offset])
        return page(runs, size, offset)

    def metric_rows(self, run_id: str, keys: Sequence[str]) -> dict[str, list[Row]]:
        with self.db.read() as connection:
            return read_points(connection, run_id, keys)

    # this machine

    def select(self, statement: str, values: Mapping[str, Any]) -> list[Any]:
        return self.db.select(statement, values)

    def database(self) -> Path | None:
        return self.db.path

    def open_artifacts(self, root: str) -> ArtifactStore:
        return open_folder(root) or open_client(root, self.uri)


def _new_name() -> str:
    """Make a random name that is easy to recognize."""
    return f"{random.choice(_KINDS)}-{random.choice(_THINGS)}-{random.randrange(1000)}"  # noqa: S311


def _join(root: str, path: str) -> str:
    """Append a path to an artifact URI. A query stays at the end."""
    parts = urlsplit(root)
    if not parts.query and not parts.fragment:
        return f"{root.rstrip('/')}/{path}"
    below = f"{parts.path.rstrip('/')}/{path}"
    return urlunsplit((parts.scheme, parts.netloc, below, parts.query, parts.fragment))
