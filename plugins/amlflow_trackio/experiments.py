"""Experiments, each a trackio project: a database file named after it."""

from __future__ import annotations

import itertools
import sqlite3
from datetime import datetime, timezone

from amlflow.spec import ExperimentChange, ExperimentNotFound, ExperimentRecord, Refused
from amlflow.times import to_microseconds

from amlflow_trackio.database import Database
from amlflow_trackio.projects import Projects, is_project_name, project_name
from amlflow_trackio.records import to_experiments


class Experiments:
    """The experiments of one trackio folder."""

    def __init__(self, database: Database, projects: Projects, uri: str) -> None:
        self._database, self._projects, self._uri = database, projects, uri

    def ensure(self, name: str) -> ExperimentRecord:
        """Do what :meth:`amlflow.spec.Tracker.ensure_experiment` does."""
        record = self._find(name)
        if record is not None:
            return record
        with self._database.writing() as connection:
            for number in itertools.count(1):
                cursor = connection.execute(
                    "INSERT INTO experiments (id, name, created) VALUES (?, ?, ?)"
                    " ON CONFLICT DO NOTHING",
                    (project_name(name, number), name, to_microseconds(datetime.now(timezone.utc))),
                )
                if cursor.rowcount or _row(connection, "name", name):
                    break
        record = self._find(name)
        if record is None:
            raise Refused(f"An experiment {name!r} could not be made; somebody deleted it at once.")
        return record

    def _find(self, name: str) -> ExperimentRecord | None:
        with self._database.reading() as connection:
            records = to_experiments(connection, _row(connection, "name", name))
        return records[0] if records else None

    def get(self, experiment_id: str) -> ExperimentRecord:
        """Do what :meth:`amlflow.spec.Tracker.get_experiment` does."""
        with self._database.reading() as connection:
            records = to_experiments(connection, self._require_row(connection, experiment_id))
        return records[0]

    def read_all(self) -> list[ExperimentRecord]:
        """List all experiments, newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT * FROM experiments WHERE name IS NOT NULL ORDER BY created DESC, rowid DESC"
            ).fetchall()
            return to_experiments(connection, rows)

    def update(self, experiment_id: str, change: ExperimentChange) -> None:
        """Do what :meth:`amlflow.spec.Tracker.update_experiment` does."""
        with self._database.writing() as connection:
            self._require_row(connection, experiment_id)
            if change.name is not None:
                try:
                    connection.execute(
                        "UPDATE experiments SET name = ? WHERE id = ?", (change.name, experiment_id)
                    )
                except sqlite3.IntegrityError:
                    raise Refused(
                        f"There is an experiment {change.name!r} already; choose another name."
                    ) from None
            if change.archived is not None:
                time = to_microseconds(datetime.now(timezone.utc)) if change.archived else None
                connection.execute(
                    "UPDATE experiments SET archived = ? WHERE id = ?", (time, experiment_id)
                )
            connection.executemany(
                "INSERT OR REPLACE INTO experiment_tags VALUES (?, ?, ?)",
                [(experiment_id, key, value) for key, value in change.tags.items()],
            )
            connection.executemany(
                "DELETE FROM experiment_tags WHERE experiment_id = ? AND key = ?",
                [(experiment_id, key) for key in change.tags_removed],
            )

    def delete(self, experiment_id: str) -> None:
        """Do what :meth:`amlflow.spec.Tracker.delete_experiment` does."""
        with self._database.writing() as connection:
            [(_, name, *_rest)] = self._require_row(connection, experiment_id)
            runs = "SELECT 1 FROM runs WHERE experiment_id = ? LIMIT 1"
            if connection.execute(runs, (experiment_id,)).fetchone():
                raise Refused(
                    f"Experiment {name!r} has runs and is not deleted: v1 deletes empty "
                    "experiments only. Archive it."
                )
            if not self._projects.is_empty(experiment_id):
                raise Refused(
                    f"Experiment {name!r} is not deleted: trackio's own client has logged runs to "
                    f"its project {experiment_id!r}. Archive it."
                )
            connection.execute("UPDATE experiments SET name = NULL WHERE id = ?", (experiment_id,))
            connection.execute(
                "DELETE FROM experiment_tags WHERE experiment_id = ?", (experiment_id,)
            )

    def _require_row(
        self, connection: sqlite3.Connection, experiment_id: str
    ) -> list[tuple[str, str, int, int | None]]:
        rows = _row(connection, "id", experiment_id)
        if not rows or not (is_project_name(rows[0][0]) and isinstance(rows[0][1], str)):
            raise ExperimentNotFound(experiment_id, self._uri)
        return rows


def _row(
    connection: sqlite3.Connection, column: str, value: str
) -> list[tuple[str, str, int, int | None]]:
    return connection.execute(
        f"SELECT * FROM experiments WHERE {column} = ?",  # noqa: S608  (a name of this module)
        (value,),
    ).fetchall()
