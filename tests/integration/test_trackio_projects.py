"""trackio's project files: those that cannot be opened, and their locks."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
from amlflow.spec import Unavailable
from amlflow_trackio.database import Database
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


def _lock(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
