"""Helpers for tests that see amlflow from outside only. They do not import amlflow."""

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
    """End the processes that a test has left running."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("AMLFLOW_JOBS") == str(jobs) and process.pid != os.getpid():
                process.kill()


class Database:
    """MLflow's SQLite database, which is changed without amlflow."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, statement: str, *values: Any) -> None:
        """Run one statement, and commit it."""
        with contextlib.closing(sqlite3.connect(self._path, timeout=60)) as database, database:
            database.execute(statement, values)

    def tag(self, run: Any, **tags: str) -> None:
        """Set amlflow's own tags. In their names, ``__`` stands for a dot."""
        for key, value in tags.items():
            name = f"mlflow.amlflow.{key.replace('__', '.')}"
            self.write("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", name, value, run.id)

    def claim(self, run: Any) -> None:
        """Note in the run that an agent has claimed it."""
        self.write(
            "INSERT INTO params VALUES (?, ?, ?)", "property.amlflow.agent", "nobody", run.id
        )


def until(holds: Callable[[], Any], what: str) -> Any:
    """Wait until ``holds()`` returns a true value, and return the value."""
    deadline = time.monotonic() + 60
    while not (value := holds()):
        assert time.monotonic() < deadline, f"not within a minute: {what}"
        time.sleep(0.05)
    return value


def log_of(run: Any) -> str:
    return str(run.get_details_with_logs()["logFiles"].get("user_logs/std_log.txt", ""))


def end_of(run: Any) -> tuple[str, str]:
    """Wait for a run's end, and return its status and its log."""
    status = run.wait_for_completion(raise_on_error=False)["status"]
    return status, log_of(run)
