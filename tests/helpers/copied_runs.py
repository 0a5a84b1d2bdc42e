"""Many finished runs in MLflow's database on PostgreSQL, copied into its tables in seconds."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

START = 1_700_000_000_000
METRIC = "loss"
TABLES = {
    "runs": (
        "run_uuid", "name", "user_id", "status", "start_time", "end_time", "lifecycle_stage",
        "artifact_uri", "experiment_id",
    ),
    "latest_metrics": ("key", "value", "timestamp", "step", "is_nan", "run_uuid"),
    "metrics": ("key", "value", "timestamp", "step", "is_nan", "run_uuid"),
    "params": ("key", "value", "run_uuid"),
    "tags": ("key", "value", "run_uuid"),
}  # fmt: skip


@contextmanager
def copied(uri: str, experiment_id: str, losses: dict[str, list[float]]) -> Iterator[None]:
    """Add runs to an experiment, and remove them at the end.

    ``losses`` has the values of each run's metric by the run's name. The runs are created in this
    order, one second apart. ``uri`` is the database's URI in SQLAlchemy's form.
    """
    rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in TABLES}
    ids = []
    for place, (name, values) in enumerate(losses.items()):
        run_id, start = uuid.uuid4().hex, START + place * 1000
        ids.append(run_id)
        artifacts = f"mlflow-artifacts:/{experiment_id}/{run_id}/artifacts"
        rows["runs"].append(
            (run_id, name, "mara", "FINISHED", start, start + 500, "active", artifacts,
             int(experiment_id))
        )  # fmt: skip
        points = [
            (METRIC, value, start + step, step, False, run_id) for step, value in enumerate(values)
        ]
        rows["metrics"] += points
        rows["latest_metrics"].append(points[-1])
        rows["params"].append(("lr", str(0.1 / (1 + place % 7)), run_id))
        rows["tags"] += [
            ("mlflow.runName", name, run_id),
            ("mlflow.user", "mara", run_id),
            ("stage", ("dev", "prod")[place % 2], run_id),
        ]
    with psycopg.connect(uri.replace("+psycopg", ""), autocommit=True) as database:
        with database.transaction():
            for table, columns in TABLES.items():
                _copy(database, table, columns, rows[table])
        # After so many new rows, PostgreSQL would do this by itself within a minute.
        database.execute("ANALYZE")
        try:
            yield
        finally:
            for table in reversed(TABLES):
                delete = sql.SQL("DELETE FROM {} WHERE run_uuid = ANY(%s)")
                database.execute(delete.format(sql.Identifier(table)), [ids])


def _copy(database: Any, table: str, columns: Iterable[str], rows: Iterable[Any]) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with database.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
