"""Makes a store's entities from rows of MLflow's tables."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from math import nan
from typing import Any, TypeVar

from amlflow.spec import RunNotFound, redacted
from amlflow.tracker_data import keep_id

from amlflow_mlflow.bulk_sql import INFO_SQL
from amlflow_mlflow.entities import Experiment, Page, Run, RunData, RunInfo
from amlflow_mlflow.errors import Deleted
from amlflow_mlflow.page_tokens import to_token
from amlflow_mlflow.sqlite.database import Values
from amlflow_mlflow.typed_columns import type_experiment, type_info, type_run

Item = TypeVar("Item")

SET_STAGE = "UPDATE runs SET lifecycle_stage = ?, deleted_time = ? WHERE"
_ENTRIES = (
    "SELECT run_uuid, 'tags', key, value FROM tags"
    " WHERE run_uuid IN (SELECT value FROM json_each(?1))"
    " UNION ALL SELECT run_uuid, 'params', key, value FROM params"
    " WHERE run_uuid IN (SELECT value FROM json_each(?1))"
    " UNION ALL SELECT run_uuid, 'metrics', key, CASE WHEN NOT is_nan THEN value END"
    " FROM latest_metrics"
    " WHERE run_uuid IN (SELECT value FROM json_each(?1))"
)
_EXPERIMENTS = (
    "SELECT experiment_id, name, lifecycle_stage, artifact_location, creation_time,"
    " last_update_time FROM experiments"
)
_TAGS = "SELECT key, value FROM experiment_tags WHERE experiment_id = ?"


def read_runs(connection: sqlite3.Connection, rest: str, values: Values) -> list[Run]:
    """Read runs. ``rest`` is the part of the statement after ``FROM runs AS r``."""
    rows = connection.execute(f"{INFO_SQL} {rest}", values)
    infos = [info for info in map(_info, rows) if keep_id(info.run_id)]
    data: dict[str, dict[str, dict[str, Any]]] = {
        info.run_id: {"tags": {}, "params": {}, "metrics": {}} for info in infos
    }
    ids = json.dumps(list(data))
    for run_id, table, key, value in connection.execute(_ENTRIES, (ids,)):
        data[run_id][table][key] = nan if table == "metrics" and value is None else value
    return [type_run(Run(info, RunData(**data[info.run_id]))) for info in infos]


def read_run(connection: sqlite3.Connection, run_id: str, uri: str) -> Run:
    """Read a run. Raises :class:`amlflow.spec.RunNotFound`."""
    for run in read_runs(connection, "WHERE r.run_uuid = ?", (run_id,)):
        return run
    raise RunNotFound(run_id, redacted(uri))


def read_info(connection: sqlite3.Connection, run_id: str, uri: str) -> RunInfo:
    """Read a run's info, without its data. Raises :class:`amlflow.spec.RunNotFound`."""
    for row in connection.execute(f"{INFO_SQL} WHERE r.run_uuid = ?", (run_id,)):
        return type_info(_info(row))
    raise RunNotFound(run_id, redacted(uri))


def read_active(connection: sqlite3.Connection, run_id: str, uri: str) -> RunInfo:
    """Read a run's info. Raises :class:`amlflow_mlflow.errors.Deleted` for a deleted run, too."""
    info = read_info(connection, run_id, uri)
    if info.lifecycle_stage != "active":
        raise Deleted(run_id)
    return info


def _info(row: Sequence[Any]) -> RunInfo:
    return RunInfo(*row)


def read_experiments(
    connection: sqlite3.Connection, rest: str, values: Iterable[Any]
) -> Iterator[Experiment]:
    """Read experiments. ``rest`` is the part of the statement after the table's name."""
    rows = connection.execute(f"{_EXPERIMENTS} {rest}", tuple(values)).fetchall()
    for experiment_id, name, stage, location, created, updated in rows:
        tags = dict(connection.execute(_TAGS, (experiment_id,)))
        raw = Experiment(str(experiment_id), name, stage, location, created, updated, tags)
        experiment = type_experiment(raw)
        if experiment is not None:
            yield experiment


def page(items: Sequence[Item], size: int, offset: int) -> Page[Item]:
    """Make a page of items. ``items`` has one more than ``size`` if there is a next page."""
    return Page(items[:size], to_token(offset + size) if len(items) > size else None)


def now_ms() -> int:
    """Return the time in milliseconds since 1970, as MLflow stores it."""
    return int(time.time() * 1000)
