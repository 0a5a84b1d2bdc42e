"""trackio's project files: those that cannot be opened, and their locks."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
from amlflow.spec import Unavailable
from amlflow_trackio.database import Database
from amlflow_trackio.folders import OWN
from amlflow_trackio.projects import Projects


@pytest.mark.parametrize("method", ["known", "ready", "is_empty"])
def test_a_file_that_cannot_be_opened_is_an_outage(tmp_path: Path, method: str) -> None:
    (tmp_path / "p.db").mkdir()
    with pytest.raises(Unavailable, match=r"p\.db' or trackio's: "):
        getattr(Projects(tmp_path), method)("p")


def test_a_write_locks_the_project_too(tmp_path: Path) -> None:
    """Also if the connection has written before without a project, or with another one."""
    Database(tmp_path)  # this makes the tables, which makes sqlite3 forget compiled statements
    database = Database(tmp_path)
    for name in ("p", "q", "p"):
        with database.writing():
            pass
        project = tmp_path / f"{name}.db"
        with database.writing(project), pytest.raises(sqlite3.OperationalError, match="locked"):
            _lock(project)


def test_a_half_made_database_is_completed(tmp_path: Path) -> None:
    """Of an amlflow that made it in its place, and was killed."""
    path = tmp_path / OWN / "runs.sqlite"
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    with Database(tmp_path).reading() as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)


def _lock(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
