"""Where a submitted script runs: in its submitter's Python, with a tracker that others also use."""

from __future__ import annotations

import sqlite3
import threading
from typing import Any

import pytest
import sqlalchemy


@pytest.fixture
def locked(sqlite_uri: str) -> Any:
    """Holds the lock of the database until its event is set."""
    path = sqlite_uri.removeprefix("sqlite:///")
    holding, release = threading.Event(), threading.Event()

    def hold() -> None:
        database = sqlite3.connect(path, isolation_level=None)
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("BEGIN EXCLUSIVE")
        holding.set()
        release.wait()
        database.execute("ROLLBACK")
        database.close()

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait()
    yield release
    release.set()
    thread.join()


def test_a_busy_database_is_waited_for_when_it_is_opened(
    sqlite_uri: str, locked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from amlflow_mlflow import opening

    refused = []
    is_busy = opening._is_busy

    def release_at_the_second(error: BaseException) -> bool:
        refused.append(error)
        if len(refused) == 2:
            locked.set()
        return is_busy(error)

    make_tables = opening._make_tables

    def be_impatient(engine: Any) -> None:  # sqlite itself waits for seconds
        make_tables(sqlalchemy.create_engine(engine.url, connect_args={"timeout": 0.01}))

    monkeypatch.setattr(opening, "_is_busy", release_at_the_second)
    monkeypatch.setattr(opening, "_make_tables", be_impatient)
    assert opening.open_database(sqlite_uri).search_experiments()
    assert len(refused) >= 2


def test_a_database_that_stays_busy_is_said_to_be(
    sqlite_uri: str, locked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from amlflow.spec import Unavailable
    from amlflow_mlflow import opening, run_keeper, store_of_uri
    from amlflow_mlflow.sqlite import database

    monkeypatch.setattr(opening, "BUSY_OPENING_S", 0.1)
    monkeypatch.setattr(database, "BUSY_OPENING_S", 0.1)
    for open_it in (opening.open_database, run_keeper.open_keeper, store_of_uri.open_store):
        with pytest.raises(Unavailable) as busy:
            open_it(sqlite_uri)
        assert "is busy: another program holds its lock" in busy.value.message
        assert "correct MLFLOW_TRACKING_URI" not in busy.value.message
