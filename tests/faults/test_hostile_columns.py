"""SQLite keeps any value in any column: none of them breaks a call, wherever it stands."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from amlflow.core.models.model import Model
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from amlflow.exceptions import AzureMLException
from amlflow.spec import ExperimentChange
from helpers.hostile_reads import open_page, read_by_command, read_by_page
from helpers.hostile_runs import ThreeRuns, read_all

NOT_UTF8 = "a text that is not in UTF-8"
VALUES = (b"\xff\x00", "text", "file://[", NOT_UTF8, 9e999, 2**62, None)
COLUMNS = {
    "tags": ("key", "value"),
    "params": ("key", "value"),
    "metrics": ("key", "value", "timestamp", "step", "is_nan"),
    "latest_metrics": ("key", "value", "timestamp", "step", "is_nan"),
    "runs": ("name", "user_id", "status", "start_time", "end_time", "artifact_uri"),
    "experiments": (
        "name", "artifact_location", "creation_time", "last_update_time", "lifecycle_stage",
    ),
    "experiment_tags": ("key", "value"),
    "registered_models": ("creation_time", "last_updated_time", "description"),
    "model_versions": (
        "version", "creation_time", "user_id", "description", "source", "run_id",
        "storage_location", "current_stage",
    ),
    "model_version_tags": ("key", "value"),
}  # fmt: skip
"""The columns that amlflow reads of one run, one experiment and one model."""


class Tables(ThreeRuns):
    """The damaged run has a tag, a param and a metric; a damaged experiment and model are there."""

    def __init__(self, uri: str) -> None:
        super().__init__()
        self.path = uri.removeprefix("sqlite:///")
        self.damaged.tag("t", "v")
        self.damaged.add_properties({"p": "v"})
        self.damaged.log("loss", 0.5)
        other = self.workspace._tracker.ensure_experiment("damaged experiment")
        self.workspace._tracker.update_experiment(other.id, ExperimentChange(tags={"a": "b"}))
        Path("model").write_text("m")
        for name in ("damaged", "healthy"):
            Model.register(self.workspace, "model", name, tags={"a": "b"})
        self._of = {
            "experiments": ("experiment_id", other.id),
            "experiment_tags": ("experiment_id", other.id),
            **dict.fromkeys(
                ("registered_models", "model_versions", "model_version_tags"), ("name", "damaged")
            ),
        }

    def damage(self, table: str, column: str, value: object) -> list[Any]:
        """Write the value there; what mends it, or nothing where the schema takes no such value.

        All rows have it, but only one where it has to be unique.
        """
        owner, owner_id = self._of.get(table, ("run_uuid", self.damaged.id))
        these = f"{owner} = ?"
        if column in ("key", "version"):
            these = f"rowid = (SELECT max(rowid) FROM {table} WHERE {owner} = ?)"
        spelled, values = ("?", [value]) if value != NOT_UTF8 else ("CAST(x'fe41' AS TEXT)", [])
        with self._write() as database:
            before = database.execute(
                f"SELECT {column}, rowid FROM {table} WHERE {these}", (owner_id,)
            ).fetchall()
            try:
                database.execute(
                    f"UPDATE {table} SET {column} = {spelled} WHERE {these}", (*values, owner_id)
                )
            except sqlite3.IntegrityError:
                return []
        assert before, (table, column)
        return [(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", row) for row in before]

    def mend(self, changes: list[Any]) -> None:
        with self._write() as database:
            for statement, row in changes:
                database.execute(statement, row)

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self.path, timeout=60)) as database, database:
            database.execute("PRAGMA ignore_check_constraints = ON")
            yield database


@pytest.fixture
def tables(store: str, monkeypatch: pytest.MonkeyPatch) -> Tables:
    monkeypatch.setenv("AMLFLOW_JOURNAL", "off")
    return Tables(store)


def read_others(tables: Tables) -> None:
    """What is healthy is listed, beside what is damaged."""
    workspace = Workspace.from_config()
    assert "hostile" in workspace.experiments
    versions = [(model.name, model.version) for model in Model.list(workspace)]
    assert ("healthy", 1) in versions
    listed = {run.id for run in tables.experiment.get_runs(include_children=True)}
    assert listed == {tables.damaged.id, tables.healthy.id, tables.child.id}


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_no_value_in_a_single_column_breaks_a_list(tables: Tables, value: object) -> None:
    for table, columns in COLUMNS.items():
        for column in columns:
            changes = tables.damage(table, column, value)
            try:
                read_others(tables)
                tables.damaged.get_metrics()
                tables.damaged.get_details()
                tables.experiment.query("sort_by(@, &name || '')[].[metrics.loss, user_id, tags]")
            except Exception as error:
                raise AssertionError(f"{table}.{column}: {error!r}") from error
            tables.mend(changes)


@pytest.mark.parametrize("value", [b"\xff\x00", NOT_UTF8, None], ids=repr)
def test_no_value_in_all_columns_breaks_a_call(
    tables: Tables, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    for table, columns in COLUMNS.items():
        for column in columns:
            tables.damage(table, column, value)
    read_others(tables)
    read_all(tables)
    read_by_command(tables)
    with open_page(tables.path, monkeypatch) as page:
        read_by_page(tables, page)


@pytest.mark.parametrize(
    "run_id",
    [b"\xff", "../../text", "a" * 300, "", "a" * 32 + "," + "b" * 32, "a" * 32 + "\0x"],
    ids=repr,
)
def test_a_run_whose_id_is_not_one_is_left_out(
    tables: Tables, monkeypatch: pytest.MonkeyPatch, run_id: object
) -> None:
    """SQLite keeps any text, and bytes, as a primary key."""
    with tables._write() as database:
        names = [row[1] for row in database.execute("PRAGMA table_info(runs)")]
        own = {"run_uuid": "?", "start_time": "1"}  # it is the oldest run, and so the last one
        picked = ", ".join(own.get(name, name) for name in names)
        database.execute(
            f"INSERT INTO runs ({', '.join(names)}) SELECT {picked} FROM runs WHERE run_uuid = ?",
            (run_id, tables.healthy.id),
        )
    read_others(tables)
    with contextlib.suppress(AzureMLException):
        Run.get(tables.workspace, str(run_id)).get_details()
    # These queries read only columns of the table, and no whole runs.
    query = functools.partial(tables.experiment.query, include_children=True)
    known = {tables.damaged.id, tables.healthy.id, tables.child.id}
    assert query("length(@)") == 3
    for expression in ("[].run_id", "sort_by(@, &created_utc)[].run_id", "[?user_id].run_id"):
        assert set(query(expression)) == known, expression
    if not isinstance(run_id, bytes):
        return
    read_all(tables)
    tables.experiment.query("sort_by(@, &created_utc)[].run_number", include_children=True)
    with open_page(tables.path, monkeypatch) as page:
        read_by_page(tables, page)


def test_a_run_of_an_experiment_whose_id_is_not_one_has_no_experiment(tables: Tables) -> None:
    with tables._write() as database:
        database.execute(
            "UPDATE runs SET experiment_id = ? WHERE run_uuid = ?", ("../7", tables.damaged.id)
        )
    assert tables.experiment._tracker.get_run(tables.damaged.id).experiment_id == ""
    with pytest.raises(AzureMLException):
        Run.get(tables.workspace, tables.damaged.id).get_details()
