"""As test_hostile_notes.py, on two trackers that keep notes in another way."""

from __future__ import annotations

import contextlib
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from amlflow import tracker_notes
from amlflow.journal.offline_runs import MARK
from amlflow.layers.write_once import OF
from amlflow.plugins import load_plugins
from amlflow.spec import LAUNCHED, RunChange, hookimpl
from amlflow.testing.memory import MemoryTracker
from helpers.hostile_runs import NASTY, ThreeRuns, change, read_all

NOTES = [*tracker_notes.NOTES, MARK, OF]


@pytest.fixture(params=["memory", "trackio"])
def runs(
    request: pytest.FixtureRequest, folder: object, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ThreeRuns]:
    monkeypatch.setenv("AMLFLOW_JOURNAL", "off")
    if request.param == "trackio":
        monkeypatch.setenv("MLFLOW_TRACKING_URI", request.getfixturevalue("trackio_uri"))
        yield ThreeRuns()
        return
    tracker = MemoryTracker(f"memory://hostile-{uuid.uuid4().hex}")  # one is kept for each URI
    plugin = SimpleNamespace(
        amlflow_tracker=hookimpl(lambda uri: tracker if uri == tracker.uri else None)
    )
    load_plugins().manager.register(plugin, name="hostile")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracker.uri)
    yield ThreeRuns()
    load_plugins().manager.unregister(plugin)


@pytest.mark.parametrize("launched", ["", "yes"])
def test_no_text_in_every_note_at_once_breaks_a_call(runs: ThreeRuns, launched: str) -> None:
    for text in NASTY:
        notes = {**dict.fromkeys(NOTES, text), LAUNCHED: launched}
        runs.damaged._tracker.update_run(runs.damaged.id, RunChange(system=notes))
        read_all(runs)
    change(runs)
    read_all(runs)


COLUMNS = ("alias", "type", "status", "created", "started", "ended", "user", "description")


@pytest.mark.parametrize("runs", ["trackio"], indirect=True)
def test_nothing_in_trackios_files_breaks_a_call(runs: ThreeRuns, tmp_path: Path) -> None:
    """Neither in those of its projects, which anybody's scripts write, nor in amlflow's own."""
    folder = tmp_path / "trackio"
    damaged, others = runs.damaged.id, (runs.child.id, runs.healthy.id)
    [own] = folder.rglob("runs.sqlite")
    project = folder / f"{runs.experiment.id}.db"
    for text in (*NASTY, b"\xff\x00", 9e999):
        with contextlib.closing(sqlite3.connect(own)) as database, database:
            changes = ", ".join(f"{column} = :text" for column in COLUMNS)
            database.execute(f"UPDATE runs SET {changes} WHERE id = :id", _values(damaged, text))
            database.execute("DELETE FROM points WHERE run_id = ?", (damaged,))
            database.execute(
                "INSERT INTO points VALUES (:id, 'm', 'w', 0, :text, :text)",
                _values(damaged, text),
            )
        with contextlib.closing(sqlite3.connect(project)) as database, database:
            for table in ("configs", "metrics"):
                database.execute(f"DELETE FROM {table} WHERE run_id = ?", (damaged,))
            database.execute(
                "INSERT INTO configs (run_id, run_name, config, created_at)"
                " VALUES (:id, 'damaged', :text, :text)",
                _values(damaged, text),
            )
            database.execute(
                "INSERT INTO metrics (run_id, run_name, metrics, timestamp, step)"
                " VALUES (:id, 'damaged', :text, :text, :text)",
                _values(damaged, text),
            )
        read_all(runs)
        assert {run.id for run in runs.experiment.get_runs(include_children=True)} >= {*others}


def _values(run_id: str, text: object) -> dict[str, object]:
    return {"id": run_id, "text": text}
