"""amlflow's database beside trackio's: no value in a column breaks a call, or becomes a path."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.workspace import Workspace
from amlflow.exceptions import AzureMLException
from amlflow.spec import ExperimentChange, Refused, RunChange
from amlflow_trackio.tracker import TrackioTracker
from helpers.hostile_runs import ThreeRuns

NOT_UTF8 = "a text that is not in UTF-8"
VALUES = (b"\xff\x00", "../../text", NOT_UTF8, 9e999, 2**62, None)
COLUMNS = {
    "tags": ("key", "value"),
    "properties": ("key", "value"),
    "system": ("key", "value"),
    "points": ("name", "writer", "time", "position", "content"),
    "files": ("name", "blob"),
    "runs": (
        "alias", "parent_id", "root_id", "name", "type", "status", "created", "started", "ended",
        "user", "description",
    ),
    "experiments": ("name", "created", "archived"),
    "experiment_tags": ("key", "value"),
}  # fmt: skip
THEIRS = {"metrics": ("timestamp", "step", "metrics"), "configs": ("run_name", "config")}
"""Columns of trackio's own tables that amlflow reads."""


class Tables(ThreeRuns):
    """The damaged run and a damaged experiment, in amlflow's database and in trackio's."""

    def __init__(self, uri: str) -> None:
        super().__init__()
        self.folder = Path(uri.removeprefix("trackio://"))
        self.damaged.tag("t", "v")
        self.damaged.add_properties({"p": "v"})
        self.damaged.log("loss", 0.5)
        notes = RunChange(system={"target": "gpu"})
        self.workspace._tracker.update_run(self.damaged.id, notes)
        Path("file").write_text("content")
        self.damaged.upload_file("outputs/file", "file")
        self.damaged.flush()
        self.other = self.workspace._tracker.ensure_experiment("damaged experiment")
        change = ExperimentChange(tags={"a": "b"})
        self.workspace._tracker.update_experiment(self.other.id, change)
        [self.own] = self.folder.rglob("runs.sqlite")
        [self.project] = self.folder.glob("hostile.db")
        with self.open(self.project) as database:
            database.execute(
                "INSERT INTO metrics (timestamp, run_id, run_name, step, metrics)"
                " VALUES ('2026-01-01T00:00:00', ?, 'x', 1, ?)",
                (self.damaged.id, json.dumps({"theirs": 1.5})),
            )

    @contextlib.contextmanager
    def open(self, path: Path) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(path, timeout=60)) as database, database:
            database.execute("PRAGMA ignore_check_constraints = ON")
            yield database

    @contextlib.contextmanager
    def damage(self, path: Path, table: str, column: str, value: object) -> Iterator[bool]:
        """Write a value there for a while, unless the schema does not take it."""
        owner, owner_id = "run_id", self.damaged.id
        if table == "runs":
            owner = "id"
        elif table.startswith("experiment"):
            owner = "id" if table == "experiments" else "experiment_id"
            owner_id = self.other.id
        spelled, values = ("?", [value]) if value != NOT_UTF8 else ("CAST(x'fe41' AS TEXT)", [])
        with self.open(path) as database:
            rows = database.execute(
                f"SELECT * FROM {table} WHERE {owner} = ?", (owner_id,)
            ).fetchall()
            with contextlib.suppress(sqlite3.IntegrityError):
                database.execute(
                    f"UPDATE {table} SET {column} = {spelled} WHERE {owner} = ?",
                    (*values, owner_id),
                )
        assert rows, table
        yield True
        with self.open(path) as database:
            places = ", ".join("?" * len(rows[0]))
            database.execute(f"DELETE FROM {table} WHERE {owner} = ?", (owner_id,))
            database.executemany(f"INSERT INTO {table} VALUES ({places})", rows)


@pytest.fixture
def tables(folder: Path, trackio_uri: str, monkeypatch: pytest.MonkeyPatch) -> Tables:
    monkeypatch.setenv("AMLFLOW_JOURNAL", "off")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", trackio_uri)
    return Tables(trackio_uri)


def read(tables: Tables) -> None:
    run = tables.workspace.get_run(tables.damaged.id)
    run.get_details()
    run.get_metrics()
    run.get_file_names()
    assert "hostile" in Workspace.from_config().experiments
    listed = {each.id for each in tables.experiment.get_runs(include_children=True)}
    assert {tables.healthy.id, tables.child.id} <= listed
    tables.experiment.query("sort_by(@, &name || '')[].[metrics.loss, user_id, tags, params]")


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_no_value_in_a_single_column_breaks_a_list(tables: Tables, value: object) -> None:
    for path, columns in ((tables.own, COLUMNS), (tables.project, THEIRS)):
        for table, column in [(key, name) for key in columns for name in columns[key]]:
            with tables.damage(path, table, column, value):
                try:
                    read(tables)
                except Exception as error:
                    raise AssertionError(f"{table}.{column}: {error!r}") from error
    read(tables)


@pytest.mark.parametrize("project", ["../elsewhere", "/tmp/elsewhere", "", b"x", "a.b", "a" * 300])
def test_no_text_but_a_projects_name_becomes_a_path(
    tables: Tables, project: object, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A run whose project is something else is left out, and no file is made or opened."""
    elsewhere = tables.folder.parent / "elsewhere.db"
    with sqlite3.connect(tables.own) as database:  # without foreign keys
        database.execute(
            "INSERT OR IGNORE INTO experiments (id, name, created) VALUES (?, 'wrong', 0)",
            (project,),
        )
        database.execute(
            "UPDATE runs SET experiment_id = ? WHERE id = ?", (project, tables.damaged.id)
        )
    assert "wrong" not in Workspace.from_config().experiments
    runs = tables.experiment.get_runs(include_children=True)
    assert {run.id for run in runs} == {tables.healthy.id, tables.child.id}
    fresh = Workspace.from_config()
    with pytest.raises(AzureMLException):
        fresh.get_run(tables.damaged.id)
    assert not elsewhere.exists()
    assert "a project of trackio's" in caplog.text


@pytest.mark.parametrize("run_id", ["../../elsewhere", "/tmp/elsewhere", "a/b"])
def test_no_id_that_is_another_path_takes_files(
    tables: Tables, run_id: str, tmp_path: Path
) -> None:
    with sqlite3.connect(tables.own) as database:  # without foreign keys
        database.execute("UPDATE runs SET id = ? WHERE id = ?", (run_id, tables.healthy.id))
    tracker = TrackioTracker(f"trackio://{tables.folder}")
    with pytest.raises(Refused, match="not one that amlflow gives"):
        tracker.put_files(run_id, {"outputs/x": Path("file")})
    assert not list(tmp_path.rglob("elsewhere*"))


def test_reading_makes_no_file_and_starts_no_process(
    tables: Tables, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever has become of trackio's own file of the project."""

    def refuse(*words: Any, **_: Any) -> Any:
        raise AssertionError(words)

    monkeypatch.setattr(subprocess, "run", refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    for content in (None, b"", b"not a database " * 100):
        tables.project.unlink(missing_ok=True)
        for more in tables.folder.glob("hostile.db-*"):
            more.unlink()
        if content is not None:
            tables.project.write_bytes(content)
        tracker = TrackioTracker(f"trackio:///{tables.folder}")  # a slash too many
        assert [point.value for point in tracker.read_points(tables.damaged.id)] == [0.5]
        assert tracker.get_run(tables.damaged.id).tags["t"] == "v"
        assert tables.project.exists() == (content is not None)


@pytest.mark.parametrize("run_id", ["../../text", "a" * 300, "", "a/b"])
def test_a_run_whose_id_is_not_one_is_left_out(tables: Tables, run_id: str) -> None:
    """No path and no address is made of it."""
    with tables.open(tables.own) as database:
        database.execute("UPDATE runs SET id = ? WHERE id = ?", (run_id, tables.damaged.id))
    runs = tables.experiment.get_runs(include_children=True)
    assert {run.id for run in runs} == {tables.healthy.id, tables.child.id}
    with pytest.raises(AzureMLException):
        tables.workspace.get_run(run_id)


@pytest.mark.parametrize("column", ["alias", "parent_id", "root_id"])
@pytest.mark.parametrize("value", ["../../text", "a" * 300, "a\nb"])
def test_an_id_that_is_not_one_counts_as_absent(tables: Tables, column: str, value: str) -> None:
    with tables.damage(tables.own, "runs", column, value):
        read(tables)
        [run] = [
            run
            for run in tables.experiment.get_runs(include_children=True)
            if run.id == tables.damaged.id
        ]
        assert getattr(run._record, column) is None


def test_no_text_but_a_projects_name_is_left_out_of_snapshots(tables: Tables, folder: Path) -> None:
    """Otherwise, whoever may edit the database could have any file left out."""
    (folder / "train.db").write_text("data")
    with tables.open(tables.own) as database:
        database.execute(
            "INSERT INTO experiments (id, name, created) VALUES (?, 'wrong', 0)",
            (str(folder / "train"),),
        )
    assert folder / "train.db" not in TrackioTracker(tables.workspace._tracker.uri).own_paths()
