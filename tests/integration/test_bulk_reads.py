"""How MLflow's default database is read: which index a statement takes, and in which parts."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from amlflow.spec import Condition, Op, RunQuery
from amlflow_mlflow import bulk_reads
from amlflow_mlflow.bulk_reads import Bulk
from amlflow_mlflow.sqlite.points import read_points

RUNS = 11


class Tables:
    """A database with a few runs, and the statements that read it."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path)
        self.statements: list[str] = []
        for number in range(RUNS):
            # Three runs have the same time, and two have none.
            values = (f"{number:032x}", f"run-{number}", None if number < 2 else number // 3)
            self.connection.execute(
                "INSERT INTO runs (run_uuid, name, start_time, user_id, status, lifecycle_stage,"
                " experiment_id) VALUES (?, ?, ?, 'me', 'FINISHED', 'active', 0)",
                values,
            )
            for table in ("metrics", "latest_metrics"):
                self.connection.execute(
                    f"INSERT INTO {table} (key, value, timestamp, step, is_nan, run_uuid)"
                    " VALUES ('loss', ?, 0, 0, 0, ?)",
                    (number / 4, values[0]),
                )
        self.connection.set_trace_callback(self.statements.append)

    def ask(self, statement: str, values: Any) -> list[Any]:
        return self.connection.execute(statement, values).fetchall()

    def plans(self, part: str) -> list[str]:
        """Return how SQLite runs the statements with this part."""
        statements = [text for text in self.statements if part in text]
        return [
            row[3]
            for text in statements
            for row in self.connection.execute(f"EXPLAIN QUERY PLAN {text}")
        ]


@pytest.fixture
def tables(sqlite_uri: str) -> Tables:
    return Tables(Path(sqlite_uri.removeprefix("sqlite:///")))


@pytest.mark.parametrize("field", ["metrics_min.loss", "metrics_max.loss", "metrics_first.loss"])
def test_numbers_of_some_runs_are_found_by_the_runs(tables: Tables, field: str) -> None:
    query = RunQuery(experiment_ids=["0"], limit=2, fields=frozenset([field]))
    [first, *_] = Bulk(tables.ask, "sqlite").find(query)
    assert getattr(first, field.partition(".")[0]) == {"loss": 2.25}
    plans = tables.plans("FROM metrics")
    assert any("run_uuid=?" in plan for plan in plans)
    assert not any("(key=?)" in plan for plan in plans)


def test_points_of_one_run_are_found_by_the_run(tables: Tables) -> None:
    points = read_points(tables.connection, f"{3:032x}", ["loss"])
    assert [row[2] for row in points["loss"]] == [0.75]
    assert not any("(key=?)" in plan for plan in tables.plans("FROM metrics"))


def test_the_first_of_two_tags_is_read_once_and_the_other_looked_up(tables: Tables) -> None:
    conditions = [
        Condition("tags", Op.EQ, "a", key="stage"),
        Condition("properties", Op.EQ, "me", key="author"),
        Condition("parent_id", Op.LACKS),
    ]
    query = RunQuery(experiment_ids=["0"], conditions=conditions, limit=1)
    assert list(Bulk(tables.ask, "sqlite").find(query)) == []
    plans = tables.plans("FROM runs AS r")
    assert sum("(key=?)" in plan for plan in plans) == 1
    assert any("params" in plan and "(key=?)" in plan for plan in plans)


def test_runs_without_a_parent_are_not_looked_up_one_by_one(tables: Tables) -> None:
    conditions = [Condition("parent_id", Op.LACKS)]
    query = RunQuery(experiment_ids=["0"], conditions=conditions, limit=20)
    assert len(list(Bulk(tables.ask, "sqlite").find(query))) == RUNS
    [plan] = [plan for plan in tables.plans("NOT IN") if " kept " in plan]
    assert "(key=?)" in plan


@pytest.mark.parametrize("limit", [0, 1, 4, RUNS, 100])
def test_runs_are_read_in_parts_in_the_same_order(
    tables: Tables, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = RunQuery(experiment_ids=["0"], limit=limit)
    whole = [run.id for run in Bulk(tables.ask, "sqlite").find(query)]
    assert sorted(whole) == [f"{number:032x}" for number in range(RUNS)]
    monkeypatch.setattr(bulk_reads, "MAX_AT_ONCE", 2)
    monkeypatch.setattr(bulk_reads, "MAX_IDS", 3)
    assert [run.id for run in Bulk(tables.ask, "sqlite").find(query)] == whole


def test_a_run_that_is_deleted_while_others_are_read_is_left_out(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_reads, "MAX_AT_ONCE", 2)
    runs = Bulk(tables.ask, "sqlite").find(RunQuery(experiment_ids=["0"]))
    first = next(runs)
    tables.connection.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE name = 'run-6'")
    rest = [run.name for run in runs]
    assert (first.name, len(rest), "run-6" in rest) == ("run-9", RUNS - 2, False)
