"""MLflow's own stores as an :class:`amlflow_mlflow.store.Store`: databases, plugins of MLflow."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import tenacity
from amlflow.exceptions import AzureMLException
from amlflow.spec import ExperimentNotFound, KnownLimit, RunNotFound, redacted
from mlflow.entities import (
    Dataset,
    DatasetInput,
    ExperimentTag,
    InputTag,
    Metric,
    Param,
    RunStatus,
    RunTag,
    ViewType,
)
from mlflow.exceptions import MlflowException

from amlflow_mlflow import workspaces
from amlflow_mlflow.bulk_sql import INFO_SQL
from amlflow_mlflow.dialects import DIALECTS
from amlflow_mlflow.entities import (
    ALL,
    DELETED_ONLY,
    Experiment,
    InputDataset,
    MetricPoint,
    Page,
    Row,
    Run,
    RunData,
    RunInfo,
)
from amlflow_mlflow.errors import BUSY, BUSY_TIMEOUT_S, SAME_POINT, says, translate_errors
from amlflow_mlflow.local_artifacts import open_folder
from amlflow_mlflow.mlflow_registry import MlflowRegistry
from amlflow_mlflow.opening import open_database, without_forks
from amlflow_mlflow.store import ArtifactStore
from amlflow_mlflow.typed_columns import (
    type_experiment,
    type_info,
    type_rows,
    type_run,
    type_runs,
)

Result = TypeVar("Result")

DATABASE_THREADS = 4
"""In one call, MLflow uses up to three of its fifteen database connections. With more threads, they
would wait for each other's connections until the pool raises an error."""
PLUGIN_THREADS = 8
_ENTRIES = (
    "SELECT key, value FROM tags WHERE run_uuid = :run_id",
    "SELECT key, value FROM params WHERE run_uuid = :run_id",
    "SELECT key, CASE WHEN NOT is_nan THEN value END FROM latest_metrics WHERE run_uuid = :run_id",
)
"""The entries of one run, in the order of :class:`RunData`. NaN is null."""
_VIEWS = {ALL: ViewType.ALL, DELETED_ONLY: ViewType.DELETED_ONLY}


class MlflowStore:
    """An :class:`amlflow_mlflow.store.Store` on one of MLflow's own stores.

    A call is repeated while another program holds the database's lock, for at most
    :data:`BUSY_TIMEOUT_S`.
    """

    is_server = False
    is_atomic = False
    filters_null = True
    known_limits: Sequence[KnownLimit] = ()

    def __init__(self, uri: str) -> None:
        """Open the store. Raises :class:`amlflow.spec.Unavailable`."""
        self.uri, self.where = uri, redacted(uri)
        self.inner = open_database(uri)
        self.engine: Any = getattr(self.inner, "engine", None)
        # SQLite only allows one writer at a time.
        self.threads = 1 if uri.startswith(("sqlite", "file")) else PLUGIN_THREADS
        self._room = threading.Semaphore(
            DATABASE_THREADS if self.engine is not None else PLUGIN_THREADS
        )
        self.dialect: str | None = None
        if self.engine is not None and not workspaces.are_enabled():
            name = self.engine.dialect.name
            self.dialect = name if name in DIALECTS else None
        self.registry = MlflowRegistry(uri, self.patiently)

    def at_once(self) -> AbstractContextManager[object]:
        return nullcontext()  # MLflow ends a transaction with each call

    def patiently(
        self, call: Callable[[], Result], missing: AzureMLException | None = None
    ) -> Result:
        """Make a call to MLflow's store, again and again while a lock is in the way."""
        with translate_errors(self.uri, missing), self._room, without_forks(self.uri):
            return tenacity.Retrying(
                retry=tenacity.retry_if_exception(_is_in_the_way),
                wait=tenacity.wait_random_exponential(multiplier=0.02, max=1),
                stop=tenacity.stop_after_delay(BUSY_TIMEOUT_S),
                reraise=True,
            )(call)

    def _run_call(self, name: str, run_id: str, *args: Any) -> Any:
        call = functools.partial(getattr(self.inner, name), run_id, *args)
        return self.patiently(call, RunNotFound(run_id, self.where))

    def _experiment_call(self, name: str, experiment_id: str, *args: Any) -> Any:
        call = functools.partial(getattr(self.inner, name), experiment_id, *args)
        return self.patiently(call, ExperimentNotFound(experiment_id, self.where))

    # experiments

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        get = functools.partial(self.inner.get_experiment_by_name, name)
        experiment = self.patiently(get)
        return None if experiment is None else type_experiment(experiment)

    def create_experiment(self, name: str, tags: Mapping[str, str]) -> str:
        entities = [ExperimentTag(*tag) for tag in tags.items()]
        create = functools.partial(self.inner.create_experiment, name, None, entities)
        return str(self.patiently(create))

    def get_experiment(self, experiment_id: str) -> Experiment:
        experiment = type_experiment(self._experiment_call("get_experiment", experiment_id))
        if experiment is None:
            raise ExperimentNotFound(experiment_id, self.where)
        return experiment

    def search_experiments(self, size: int, token: str | None) -> Page[Experiment]:
        search = functools.partial(
            self.inner.search_experiments, ViewType.ALL, max_results=size, page_token=token
        )
        page = self.patiently(search)
        experiments = map(type_experiment, page)
        return Page((item for item in experiments if item is not None), page.token)

    def rename_experiment(self, experiment_id: str, name: str) -> None:
        self._experiment_call("rename_experiment", experiment_id, name)

    def restore_experiment(self, experiment_id: str) -> None:
        self._experiment_call("restore_experiment", experiment_id)

    def delete_experiment(self, experiment_id: str) -> None:
        self._experiment_call("delete_experiment", experiment_id)

    def set_experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
        self._experiment_call("set_experiment_tag", experiment_id, ExperimentTag(key, value))

    def check_removes_experiment_tags(self, experiment_id: str) -> None:
        """Do nothing: these stores can remove tags of experiments."""

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        self._experiment_call("delete_experiment_tag", experiment_id, key)

    # runs

    def create_run(
        self, experiment_id: str, user: str, start_ms: int, tags: Mapping[str, str],
        name: str | None,
    ) -> Run:  # fmt: skip
        entities = [RunTag(*tag) for tag in tags.items()]
        return type_run(
            self._experiment_call("create_run", experiment_id, user, start_ms, entities, name)
        )

    def get_run(self, run_id: str) -> Run:
        if self.dialect is None:
            return type_run(self._run_call("get_run", run_id))
        return self.patiently(functools.partial(self._select_run, run_id))

    def delete_run(self, run_id: str) -> None:
        self._run_call("delete_run", run_id)

    def restore_run(self, run_id: str) -> None:
        self._run_call("restore_run", run_id)

    def update_run_info(self, run_id: str, status: str | None, ended_ms: int | None) -> RunInfo:
        number = None if status is None else RunStatus.from_string(status)
        return type_info(self._run_call("update_run_info", run_id, number, ended_ms, None))

    def log_batch(
        self, run_id: str, *, metrics: Sequence[MetricPoint] = (),
        params: Mapping[str, str] | None = None, tags: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self._run_call(
            "log_batch",
            run_id,
            [Metric(*point) for point in metrics],
            [Param(*param) for param in (params or {}).items()],
            [RunTag(*tag) for tag in (tags or {}).items()],
        )

    def log_inputs(self, run_id: str, datasets: Sequence[InputDataset]) -> None:
        inputs = [
            DatasetInput(
                Dataset(item.name, item.digest, item.source_type, item.source),
                [InputTag(*tag) for tag in item.tags.items()],
            )
            for item in datasets
        ]
        self._run_call("log_inputs", run_id, inputs)

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        self._run_call("set_tag", run_id, RunTag(key, value))

    def delete_tag(self, run_id: str, key: str) -> None:
        self._run_call("delete_tag", run_id, key)

    def search_runs(
        self, experiment_ids: Sequence[str], condition: str, *, view: str, size: int,
        order: Sequence[str], token: str | None = None,
    ) -> Page[Run]:  # fmt: skip
        search = functools.partial(
            self.inner.search_runs,
            list(experiment_ids),
            condition,
            _VIEWS.get(view, ViewType.ACTIVE_ONLY),
            max_results=size,
            order_by=list(order),
            page_token=token,
        )
        page = self.patiently(search)
        return Page(type_runs(page), page.token)

    def _select_run(self, run_id: str) -> Run:
        """Read a run from the tables. MLflow's own ``get_run`` fails if a column is empty."""
        # A store of another package needs no database.
        from sqlalchemy import text

        values = {"run_id": run_id}
        with self.inner.ManagedSessionMaker() as session:
            row = session.execute(text(f"{INFO_SQL} WHERE r.run_uuid = :run_id"), values).first()
            tables = [session.execute(text(statement), values).all() for statement in _ENTRIES]
        if row is None:
            raise RunNotFound(run_id, self.where)
        data = RunData(*({entry[0]: entry[1] for entry in entries} for entries in tables))
        return type_run(Run(RunInfo(*row), data))

    def metric_rows(self, run_id: str, keys: Sequence[str]) -> dict[str, list[Row]]:
        if self.engine is not None:
            return self.patiently(functools.partial(self._select_metrics, run_id, keys))
        rows = {}
        for key in keys:
            history = self._run_call("get_metric_history", run_id, key)
            points = ((key, item.timestamp, item.step, item.value, False) for item in history)
            rows[key] = sorted(row for _, row in type_rows(run_id, points))
        return rows

    def _select_metrics(self, run_id: str, keys: Sequence[str]) -> dict[str, list[Row]]:
        """Read all points in one statement. MLflow's function makes an object for each point."""
        histories: dict[str, list[Row]] = {key: [] for key in keys}
        # A range, since for one key SQLite would read the points that all runs have of it.
        one_key = " AND key BETWEEN :key AND :key" if len(keys) == 1 else ""
        statement = (
            "SELECT key, timestamp, step, value, is_nan FROM metrics WHERE run_uuid = :run_id"  # noqa: S608
            f"{one_key} ORDER BY timestamp, step, value"
        )
        values = {"run_id": run_id, "key": keys[0] if keys else ""}
        # A store of another package needs no database.
        from sqlalchemy import text

        with self.inner.ManagedSessionMaker() as session:
            rows = session.execute(text(statement), values)
            for key, row in type_rows(run_id, rows):
                if key in histories:
                    histories[key].append(row)
        return histories

    # this machine

    def select(self, statement: str, values: Mapping[str, Any]) -> list[Any]:
        set_up = DIALECTS[self.dialect].set_up if self.dialect else ""

        # A store of another package needs no database.
        from sqlalchemy import text

        def read() -> list[Any]:
            with self.inner.ManagedSessionMaker() as session:
                connection = session.connection()
                if set_up:
                    connection.exec_driver_sql(set_up)
                # All at once: with psycopg, fetching single rows takes twice as long.
                return list(connection.execute(text(statement), dict(values)).all())

        return self.patiently(read)

    def database(self) -> Path | None:
        if self.engine is None or self.engine.dialect.name != "sqlite":
            return None
        with self.engine.connect() as connection:  # SQLite itself knows the path
            for _, schema, path in connection.exec_driver_sql("PRAGMA database_list"):
                if schema == "main" and path:
                    return Path(path)
        return None

    def open_artifacts(self, root: str) -> ArtifactStore:
        # Clients of artifact stores are only imported if one is used.
        from amlflow_mlflow.mlflow_artifacts import MlflowArtifacts, inside_server

        root = inside_server(root)
        return open_folder(root) or MlflowArtifacts(root, self.uri)


def _is_in_the_way(error: BaseException) -> bool:
    """Whether another process is in the way, so that the same call may soon succeed."""
    return isinstance(error, MlflowException) and (says(error, BUSY) or says(error, SAME_POINT))
