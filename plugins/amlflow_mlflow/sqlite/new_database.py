"""Makes a new database that is the same as one of MLflow's.

MLflow needs seconds for it, since it runs all of its migrations. ``schema.sql`` is their result. A
test compares it, table by table, with a database that MLflow has made.
"""

from __future__ import annotations

import sqlite3
from importlib.resources import files

from amlflow_mlflow.errors import translate_errors
from amlflow_mlflow.own_paths import ARTIFACTS
from amlflow_mlflow.sqlite import revisions
from amlflow_mlflow.sqlite.database import Database, transaction
from amlflow_mlflow.sqlite.rows import now_ms

SEPARATOR = "\n;\n"
"""The separator of statements in ``schema.sql``."""


def make(database: Database) -> bool:
    """Make the tables of ``schema.sql`` if the file is missing or empty.

    Returns whether there is a known database now; False if the file was not empty. If several
    processes call this, one makes the tables and the others wait. Raises
    :class:`amlflow.spec.Unavailable` if the file cannot be made.
    """
    if database.path.exists() and database.path.stat().st_size:
        return False
    with (
        translate_errors(database.uri, doing="opened"),
        database.opening("rwc") as connection,
        transaction(connection, "BEGIN IMMEDIATE"),
    ):
        if connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None:
            _make_tables(connection, database)
    return database.revision() is not None


def _make_tables(connection: sqlite3.Connection, database: Database) -> None:
    text = files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
    for statement in text.split(SEPARATOR):
        connection.execute(statement)
    connection.execute("INSERT INTO alembic_version VALUES (?)", (revisions.SCHEMA,))
    connection.execute(
        "INSERT INTO workspaces (name, description) VALUES (?, ?)",
        ("default", "Default workspace for legacy resources"),
    )


def ensure_first_experiment(database: Database) -> None:
    """Add MLflow's experiment 0 if it is missing, as MLflow does when it opens a database."""
    with database.read() as connection:
        if connection.execute("SELECT 1 FROM experiments WHERE experiment_id = 0").fetchone():
            return
    location, now = str(database.path.with_name(ARTIFACTS) / "0"), now_ms()
    with database.write() as connection:
        connection.execute(
            "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage,"
            " creation_time, last_update_time) VALUES (0, 'Default', ?, 'active', ?, ?)"
            " ON CONFLICT DO NOTHING",
            (location, now, now),
        )
