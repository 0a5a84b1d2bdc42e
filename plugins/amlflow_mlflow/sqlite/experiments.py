"""Experiments in MLflow's default database."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from amlflow.spec import ExperimentNotFound, Refused, redacted

from amlflow_mlflow.entities import Experiment, Page
from amlflow_mlflow.errors import inactive
from amlflow_mlflow.own_paths import ARTIFACTS
from amlflow_mlflow.page_tokens import to_offset
from amlflow_mlflow.spelling import shorten
from amlflow_mlflow.sqlite.database import Database
from amlflow_mlflow.sqlite.rows import SET_STAGE, now_ms, page, read_experiments

MAX_NAME = 500
"""How many characters an experiment's name may have in MLflow."""
_SET_TAG = (
    "INSERT INTO experiment_tags (key, value, experiment_id) VALUES (?, ?, ?)"
    " ON CONFLICT (key, experiment_id) DO UPDATE SET value = excluded.value"
)


class SqliteExperiments:
    """The part of an :class:`amlflow_mlflow.store.Store` for experiments."""

    def __init__(self, database: Database) -> None:
        self.uri, self.where = database.uri, redacted(database.uri)
        self.db = database

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        with self.db.read() as connection:
            return next(read_experiments(connection, "WHERE name = ?", (name,)), None)

    def create_experiment(self, name: str, tags: Mapping[str, str]) -> str:
        _check_name(name)
        now = now_ms()
        with self.db.write() as connection:
            _check_free(connection, name)
            cursor = connection.execute(
                "INSERT INTO experiments (name, lifecycle_stage, creation_time, last_update_time)"
                " VALUES (?, 'active', ?, ?)",
                (name, now, now),
            )
            experiment_id = str(cursor.lastrowid)
            location = str(self.db.path.with_name(ARTIFACTS) / experiment_id)
            connection.execute(
                "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?",
                (location, experiment_id),
            )
            rows = [(key, value, experiment_id) for key, value in tags.items()]
            connection.executemany(_SET_TAG, rows)
        return experiment_id

    def get_experiment(self, experiment_id: str) -> Experiment:
        with self.db.read() as connection:
            return self._experiment(connection, experiment_id)

    def _experiment(self, connection: sqlite3.Connection, experiment_id: str) -> Experiment:
        if experiment_id.isdecimal() and len(experiment_id) < 19:
            rest = "WHERE experiment_id = ?"
            for experiment in read_experiments(connection, rest, (int(experiment_id),)):
                return experiment
        raise ExperimentNotFound(experiment_id, self.where)

    def active_experiment(self, connection: sqlite3.Connection, experiment_id: str) -> Experiment:
        experiment = self._experiment(connection, experiment_id)
        if experiment.lifecycle_stage != "active":
            raise Refused(inactive(f"Experiment {experiment_id} is archived or deleted."))
        return experiment

    def search_experiments(self, size: int, token: str | None) -> Page[Experiment]:
        offset = to_offset(token)
        rest = (
            "WHERE typeof(name) = 'text' ORDER BY creation_time DESC, experiment_id DESC"
            " LIMIT ? OFFSET ?"
        )
        with self.db.read() as connection:
            experiments = list(read_experiments(connection, rest, (size + 1, offset)))
        return page(experiments, size, offset)

    def rename_experiment(self, experiment_id: str, name: str) -> None:
        _check_name(name)
        with self.db.write() as connection:
            if self.active_experiment(connection, experiment_id).name != name:
                _check_free(connection, name)
            connection.execute(
                "UPDATE experiments SET name = ?, last_update_time = ? WHERE experiment_id = ?",
                (name, now_ms(), experiment_id),
            )

    def restore_experiment(self, experiment_id: str) -> None:
        self._set_experiment_stage(experiment_id, "deleted", "active")

    def delete_experiment(self, experiment_id: str) -> None:
        self._set_experiment_stage(experiment_id, "active", "deleted")

    def _set_experiment_stage(self, experiment_id: str, before: str, stage: str) -> None:
        now = now_ms()
        with self.db.write() as connection:
            if self._experiment(connection, experiment_id).lifecycle_stage != before:
                raise ExperimentNotFound(experiment_id, self.where)
            connection.execute(
                "UPDATE experiments SET lifecycle_stage = ?, last_update_time = ?"
                " WHERE experiment_id = ?",
                (stage, now, experiment_id),
            )
            deleted = now if stage == "deleted" else None
            connection.execute(f"{SET_STAGE} experiment_id = ?", (stage, deleted, experiment_id))

    def set_experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
        with self.db.write() as connection:
            self.active_experiment(connection, experiment_id)
            connection.execute(_SET_TAG, (key, value, experiment_id))

    def check_removes_experiment_tags(self, experiment_id: str) -> None:
        """Do nothing: this store can remove tags of experiments."""

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        with self.db.write() as connection:
            self.active_experiment(connection, experiment_id)
            connection.execute(
                "DELETE FROM experiment_tags WHERE experiment_id = ? AND key = ?",
                (experiment_id, key),
            )


def _check_name(name: str) -> None:
    """Raise :class:`Refused` for a name that MLflow does not accept."""
    if not 0 < len(name) <= MAX_NAME:
        raise Refused(
            f"The name of an experiment has 1 to {MAX_NAME} characters in MLflow, and "
            f"{shorten(name)!r} has {len(name)}; choose another."
        )


def _check_free(connection: sqlite3.Connection, name: str) -> None:
    """Raise :class:`Refused` if an experiment has this name, also a deleted one."""
    if connection.execute("SELECT 1 FROM experiments WHERE name = ?", (name,)).fetchone():
        raise Refused(
            f"MLflow has an experiment {name!r} already, which may be archived or deleted; choose "
            "another name."
        )
