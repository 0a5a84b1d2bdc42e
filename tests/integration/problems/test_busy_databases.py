"""A busy database is waited for when a job starts. Nothing here imports amlflow."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers.outside import end_of, until

LONG = pytest.mark.long


HOLD = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
for statement in sys.argv[2:]:
    list(database.execute(statement))
print("held", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def holding(path: Path, statements: Sequence[str]) -> Iterator[None]:
    """Hold a lock of the database in another process, for longer than SQLite itself waits."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path, *statements], stdin=-1, stdout=-1, text=True
    ) as process:
        assert process.stdout
        assert process.stdin
        process.stdout.readline()
        try:
            yield
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(HELD_S)
        finally:
            process.stdin.close()


HELD_S = 7
LOCKS = {
    "a writer": ["BEGIN IMMEDIATE"],
    "a writer alone": ["BEGIN EXCLUSIVE"],
    "a reader": ["BEGIN", "SELECT count(*) FROM runs"],
    "a writer that keeps its lock": ["PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE"],
    "a change of the schema": ["BEGIN", "CREATE TABLE t (a)"],
}


@pytest.mark.parametrize(
    "lock",
    [pytest.param(lock, id=name, marks=[] if name == "a change of the schema" else LONG)
     for name, lock in LOCKS.items()],
)  # fmt: skip
def test_a_busy_database_is_waited_for_when_a_job_starts(
    submit: Any, work: Path, tmp_path: Path, gate: Any, lock: list[str]
) -> None:
    """The first job's agent ends it, and starts the second, while the database is locked."""
    second = submit("from azureml.core import Run\nRun.get_context().log('m', 1)\nprint('done')")
    until(lambda: gate.get_status() == "Running", "the first job")
    with holding(tmp_path / "mlflow.db", lock):
        gate.open()
    for run in (gate, second):
        status, log = end_of(run)
        assert status == "Completed", (log, run.get_details())
    assert second.get_metrics() == {"m": 1}


@pytest.mark.long
@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_a_database_that_is_busy_while_a_script_starts(
    submit: Any, experiment: Any, tmp_path: Path, mode: str
) -> None:
    experiment.start_logging(snapshot_directory=None).complete()
    with contextlib.closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        database.execute(f"PRAGMA journal_mode = {mode}")
    run = submit(
        """
import mlflow
from azureml.core import Run
run = Run.get_context()
run.log("m", 1)
mlflow.log_metric("n", 2)
run.tag("a", "b")
"""
    )
    with holding(tmp_path / "mlflow.db", ["BEGIN IMMEDIATE"]):
        pass
    status, log = end_of(run)
    assert status == "Completed", log
    assert run.get_metrics() == {"m": 1, "n": 2}


@pytest.fixture
def trackio_folder(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the tracker of this process. Name this fixture before ``submit``."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"trackio://{tmp_path}/tr")
    return tmp_path / "tr"


@pytest.mark.long
def test_a_busy_trackio_folder_is_waited_for_when_a_job_starts(
    trackio_folder: Path, submit: Any, experiment: Any
) -> None:
    experiment.start_logging(snapshot_directory=None).complete()
    databases = [path for path in trackio_folder.rglob("*") if path.suffix in (".db", ".sqlite")]
    assert databases
    run = submit("from azureml.core import Run\nRun.get_context().log('m', 1)")
    with contextlib.ExitStack() as stack:
        for path in databases:
            stack.enter_context(holding(path, ["BEGIN IMMEDIATE"]))
    status, log = end_of(run)
    assert status == "Completed", (log, run.get_details())
    assert run.get_metrics() == {"m": 1}


@pytest.mark.long
def test_many_jobs_start_on_one_database_at_once(submit: Any) -> None:
    code = """
from azureml.core import Run
run = Run.get_context()
for number in range(50):
    run.log("m", number)
run.tag("t", "1")
"""
    runs = [submit(code) for _ in range(8)]
    for run in runs:
        status, log = end_of(run)
        assert status == "Completed", (log, run.get_details())
        assert run.get_metrics() == {"m": list(range(50))}
