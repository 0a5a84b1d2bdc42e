"""What tests of amlflow from outside need. It imports nothing of amlflow."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil


def end_jobs(jobs: Path) -> None:
    """End what a test has left running."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("AMLFLOW_JOBS") == str(jobs) and process.pid != os.getpid():
                process.kill()


class Database:
    """MLflow's database on SQLite, past amlflow."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, statement: str, *values: Any) -> None:
        with contextlib.closing(sqlite3.connect(self._path, timeout=60)) as database, database:
            database.execute(statement, values)

    def tag(self, run: Any, **tags: str) -> None:
        """Set tags of amlflow's own; ``__`` stands for a point."""
        for key, value in tags.items():
            name = f"mlflow.amlflow.{key.replace('__', '.')}"
            self.write("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", name, value, run.id)

    def claim(self, run: Any) -> None:
        """Say that an agent has the run."""
        self.write(
            "INSERT INTO params VALUES (?, ?, ?)", "property.amlflow.agent", "nobody", run.id
        )


def until(holds: Callable[[], Any], what: str) -> Any:
    """Wait for something to hold; what it gave is returned."""
    deadline = time.monotonic() + 60
    while not (value := holds()):
        assert time.monotonic() < deadline, f"not within a minute: {what}"
        time.sleep(0.05)
    return value
