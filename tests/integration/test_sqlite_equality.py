"""amlflow's own sqlite store writes the same rows as MLflow itself."""

from __future__ import annotations

import math
import random
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from amlflow.exceptions import AzureMLException
from amlflow.spec import ModelNotFound
from amlflow_mlflow.entities import ALL, InputDataset, MetricPoint
from amlflow_mlflow.mlflow_store import MlflowStore
from amlflow_mlflow.records import NAME
from amlflow_mlflow.sqlite import new_database, revisions
from amlflow_mlflow.sqlite.database import Database
from amlflow_mlflow.sqlite.store import SqliteStore, open_sqlite
from amlflow_mlflow.store import Store
from helpers import servers

TABLES = (
    "experiments", "experiment_tags", "runs", "tags", "params", "metrics", "latest_metrics",
    "datasets", "inputs", "input_tags", "registered_models", "registered_model_tags",
    "model_versions", "model_version_tags", "registered_model_aliases",
)  # fmt: skip
TIMES = ("creation_time", "last_update_time", "last_updated_time", "deleted_time")
KEYS = ("a", "a b", "ä/ö", "x.y", "amlflow.id", "property.p", NAME)
TEXTS = ("", "1", "größe 𝄞", "it's", "x" * 200)
NUMBERS = (0.0, -0.0, 1.5, -3.0, 1e300, math.nan, math.inf, -math.inf)
OPERATIONS = 150


class Twin:
    """One of two stores on which the same is done; runs and experiments are known by number."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.experiments: list[str] = ["0"]
        self.runs: list[str] = []

    def perform(self, operation: Callable[[Twin], Any]) -> Any:
        """What an operation gives, or the class of its error."""
        try:
            return operation(self)
        except AzureMLException as error:
            return type(error).__name__

    def rows(self) -> dict[str, list[Any]]:
        """All rows, without what differs by itself: ids that are drawn, and the time of day."""
        path = self.store.database()
        assert path is not None
        numbers = {run_id: f"run {at}" for at, run_id in enumerate(self.runs)}
        tables = {}
        with sqlite3.connect(path) as connection:
            drawn = connection.execute(
                "SELECT dataset_uuid, name || digest || experiment_id FROM datasets"
            ).fetchall()
            numbers |= dict(drawn)
            drawn = connection.execute("SELECT input_uuid, source_id || destination_id FROM inputs")
            numbers |= dict(drawn.fetchall())
            for table in TABLES:
                cursor = connection.execute(f"SELECT * FROM {table}")
                names = [column[0] for column in cursor.description]
                tables[table] = sorted(
                    repr([_plain(name, value, numbers, path.parent)
                          for name, value in zip(names, row, strict=True)])
                    for row in cursor
                )  # fmt: skip
        return tables


def _plain(name: str, value: Any, numbers: dict[str, str], folder: Path) -> Any:
    if name in TIMES:
        return value is not None
    if isinstance(value, str):
        for _ in range(2):  # the id of an input is made of others
            for drawn, number in numbers.items():
                value = value.replace(drawn, number)
        value = re.sub(r"^[a-z]+-[a-z]+-\d+$", "a drawn name", value)
        return value.replace(str(folder), "here")
    return value


@pytest.fixture
def twins(tmp_path: Path, empty_database: Path) -> tuple[Twin, Twin]:
    """A store of amlflow's own, and MLflow's."""
    for name in ("own", "mlflow"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mlflow.db").write_bytes(empty_database.read_bytes())
    own = open_sqlite(f"sqlite:///{tmp_path}/own/mlflow.db")
    assert isinstance(own, SqliteStore)
    return Twin(own), Twin(MlflowStore(f"sqlite:///{tmp_path}/mlflow/mlflow.db"))


def _draw(draw: random.Random, runs: int, experiments: int) -> Callable[[Twin], Any]:
    """An operation on either twin."""
    run, experiment = draw.randrange(max(runs, 1)), draw.randrange(experiments)
    key, value = draw.choice(KEYS), draw.choice(TEXTS)
    name = draw.choice(["first", "second", "größe", "", "n" * 501])
    points = [
        MetricPoint(
            draw.choice(("loss", "ä")),
            draw.choice(NUMBERS),
            draw.randrange(3),
            draw.randrange(-1, 3),
        )
        for _ in range(draw.randrange(6))
    ]
    tags = {draw.choice(KEYS): draw.choice(TEXTS) for _ in range(draw.randrange(4))}
    params = {draw.choice(KEYS): draw.choice(TEXTS[1:]) for _ in range(draw.randrange(3))}
    dataset = InputDataset(
        draw.choice("ab"), draw.choice("12"), "amlflow", "{}", {"context": value}
    )
    status = draw.choice([None, "FINISHED", "FAILED", "KILLED", "SCHEDULED", "RUNNING"])
    ended = draw.choice([None, 0, 7])
    run_name = draw.choice([None, "a name", ""])
    label = draw.choice(["create"] * 3 + ["log"] * 6 + ["other"] * 9)

    def create(twin: Twin) -> None:
        if not tags.get(NAME, "x"):
            tags.pop(NAME)  # MLflow then sets the tag twice, and fails
        made = twin.store.create_run(twin.experiments[experiment], "me", 5, dict(tags), run_name)
        twin.runs.append(made.info.run_id)

    def log(twin: Twin) -> None:
        twin.store.log_batch(twin.runs[run], metrics=points, params=params, tags=tags)

    def create_experiment(twin: Twin) -> None:
        twin.experiments.append(twin.store.create_experiment(name, {"kind": value}))

    def update(twin: Twin) -> Any:
        info = twin.store.update_run_info(twin.runs[run], status, ended)
        return info.status, info.end_time

    others: list[Callable[[Twin], Any]] = [
        create_experiment,
        update,
        lambda twin: twin.store.rename_experiment(twin.experiments[experiment], name),
        lambda twin: twin.store.set_experiment_tag(twin.experiments[experiment], key, value),
        lambda twin: twin.store.delete_experiment(twin.experiments[experiment]),
        lambda twin: twin.store.restore_experiment(twin.experiments[experiment]),
        lambda twin: twin.store.delete_run(twin.runs[run]),
        lambda twin: twin.store.restore_run(twin.runs[run]),
        lambda twin: twin.store.set_tag(twin.runs[run], key, value),
        lambda twin: twin.store.log_inputs(twin.runs[run], [dataset, dataset]),
        lambda twin: twin.store.create_experiment(name, {}),
        lambda twin: twin.store.get_experiment("12345").name,
        lambda twin: twin.store.get_run("0" * 32),
    ]
    if label == "create" or not runs:
        return create
    return log if label == "log" else draw.choice(others)


@pytest.mark.parametrize("seed", range(2))
def test_drawn_operations_write_the_rows_of_mlflow(twins: tuple[Twin, Twin], seed: int) -> None:
    draw = random.Random(seed)
    own, mlflow = twins
    for number in range(OPERATIONS):
        operation = _draw(draw, len(own.runs), len(own.experiments))
        assert own.perform(operation) == mlflow.perform(operation), number
        assert len(own.runs) == len(mlflow.runs)
    assert own.rows() == mlflow.rows()
    for ours, theirs in zip(own.runs, mlflow.runs, strict=True):
        one, other = own.store.get_run(ours), mlflow.store.get_run(theirs)
        assert dict(one.data.tags).keys() == dict(other.data.tags).keys()
        assert one.data.params == other.data.params
        assert sorted(one.data.metrics) == sorted(other.data.metrics)
        names = sorted(one.data.metrics)
        rows = [repr(twin.store.metric_rows(run_id, names)) for twin, run_id in
                ((own, ours), (mlflow, theirs))]  # fmt: skip
        assert rows[0] == rows[1]


CONDITIONS = (
    "", "tags.`a` = '1'", "tags.`a` LIKE '%R%'", "tags.`a` LIKE 'gr%'", "tags.`a` IS NULL",
    "params.`x.y` = '1' AND tags.`a b` = \"it's\"", "params.`x.y` IS NULL",
    "attributes.status = 'RUNNING'", "attributes.status != 'FINISHED'",
    "attributes.run_name = 'a name'", "attributes.run_name LIKE 'a%'",
    "attributes.start_time >= 3 AND attributes.start_time <= 7", "attributes.end_time <= 6",
)  # fmt: skip
ORDERS = (
    "attributes.start_time DESC", "attributes.start_time ASC", "attributes.run_name ASC",
    "attributes.end_time DESC", "tags.`a` DESC", "params.`x.y` ASC",
)  # fmt: skip


def test_searches_give_what_mlflow_gives(twins: tuple[Twin, Twin]) -> None:
    draw = random.Random(1)
    [experiment] = {store.store.create_experiment("searched", {}) for store in twins}
    for number in range(30):
        # Sorted by time, since equal rows would come in the order of their random ids.
        tags = {key: draw.choice(TEXTS) for key in ("a", "a b") if draw.random() < 0.7}
        for twin in twins:
            run = twin.store.create_run(experiment, "", number, tags, f"a name {number % 3}")
            twin.runs.append(run.info.run_id)
        params = {"x.y": draw.choice(("1", "2"))} if draw.random() < 0.5 else {}
        status, deleted = draw.choice((None, "FINISHED")), draw.random() < 0.2
        for twin in twins:
            twin.store.log_batch(twin.runs[-1], params=params)
            twin.store.update_run_info(twin.runs[-1], status, number if status else None)
            if deleted:
                twin.store.delete_run(twin.runs[-1])
    for condition in CONDITIONS:
        for order in ORDERS:
            for view in (ALL, "ACTIVE_ONLY"):
                results = []
                for twin in twins:
                    pages, token = [], None
                    while not pages or token:
                        page = twin.store.search_runs(
                            [experiment], condition, view=view, size=7, order=[order], token=token
                        )
                        pages.append([twin.runs.index(run.info.run_id) for run in page])
                        token = page.token
                    results.append(pages)
                assert results[0] == results[1], (condition, order, view)


def test_models_are_mlflows(twins: tuple[Twin, Twin]) -> None:
    run_id = "1" * 32
    for twin in twins:
        registry = twin.store.registry
        for name in ("first", "größe", "first"):
            assert registry.ensure_model(name) == {}
        for tags in ({}, {"a": "1", "b": "x" * 6000}):
            registry.create_version("first", "/elsewhere/model", run_id, tags, "text")
        registry.create_version("größe", "/elsewhere/it's", "it's", {}, None)
        registry.describe_version("first", 1, "other")
        registry.set_version_tag("first", 2, "a", "2")
        registry.delete_version_tag("first", 2, "b")
        registry.create_version("first", "/elsewhere/model", run_id, {}, None)
        registry.delete_version("first", 3)
        assert registry.version_location("first", 2) == "/elsewhere/model"
    own, mlflow = twins
    assert own.rows() == mlflow.rows()
    order = ["creation_timestamp DESC", "name ASC", "version_number DESC"]
    for condition in (
        "",
        "name = 'first'",
        'run_id = "it\'s"',
        f"name = 'x' AND run_id = '{run_id}'",
    ):
        found = [
            [(each.name, int(each.version), each.description, dict(each.tags)) for each in
             sorted(twin.store.registry.search_versions(condition, 10, order, None),
                    key=lambda each: (each.name, int(each.version)))]
            for twin in twins
        ]  # fmt: skip
        assert found[0] == found[1]
    for missing in (("first", 3), ("first", 4), ("none", 1)):
        for twin in twins:
            with pytest.raises(ModelNotFound):
                twin.store.registry.get_version(*missing)
    for name in ("a/b", "a:b", " ", ".."):
        with pytest.raises(AzureMLException):
            own.store.registry.ensure_model(name)
        with pytest.raises(AzureMLException):
            mlflow.store.registry.ensure_model(name)


def test_a_new_database_is_mlflows(tmp_path: Path, empty_database: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/new.db")
    assert new_database.make(database)
    if not revisions.is_schema_installed():  # a later MLflow upgrades the database first
        upgrade = [sys.executable, "-m", "mlflow", "db", "upgrade", database.uri]
        subprocess.run(upgrade, check=True, env=servers.clean_environment())
    own, mlflow = _schema(database.path), _schema(empty_database)
    assert {name for name in own | mlflow if own.get(name) != mlflow.get(name)} == set(), (
        "MLflow's schema is a new one: `python tests/helpers/mlflow_schema.py` writes schema.sql; "
        "list the revision in sqlite/revisions.py"
    )


def _schema(path: Path) -> dict[str, Any]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT name, tbl_name, sql FROM sqlite_master").fetchall()
        schema: dict[str, Any] = {
            # alembic writes the constraints of a table in any order.
            name: (table, sorted((statement or "").replace(",", " ").split()))
            for name, table, statement in rows
        }
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
            if table != "experiments":
                schema[f"rows of {table}"] = connection.execute(f"SELECT * FROM {table}").fetchall()
    return schema


def test_mlflow_continues_what_was_begun_without_it(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/new.db"
    if not revisions.is_schema_installed():
        MlflowStore(uri)  # a later MLflow makes the database
    own = open_sqlite(uri)
    assert own is not None
    experiment = own.create_experiment("e", {})
    run_id = own.create_run(experiment, "me", 1, {}, "n").info.run_id
    own.log_batch(run_id, metrics=[MetricPoint("a", 1.0, 2, 3)], params={"p": "1"}, tags={"t": "x"})
    client = MlflowStore(uri)
    assert {each.name for each in client.search_experiments(5, None)} == {"e", "Default"}
    client.log_batch(run_id, metrics=[MetricPoint("a", 2.0, 2, 4)], params={"q": "2"})
    run = own.get_run(run_id)
    assert run.data.params == {"p": "1", "q": "2"}
    assert [row.value for row in own.metric_rows(run_id, ["a"])["a"]] == [1.0, 2.0]
    assert str(run.info.artifact_uri) == f"{tmp_path}/mlruns/{experiment}/{run_id}/artifacts"


def test_the_revisions_are_those_of_the_installed_mlflow() -> None:
    from alembic.script import ScriptDirectory
    from mlflow.store import db_migrations

    folder = Path(str(db_migrations.__file__)).parent
    script = ScriptDirectory(str(folder))
    all_of_them = [each.revision for each in script.walk_revisions()][::-1]
    installed = all_of_them[all_of_them.index(revisions.KNOWN[0]) :]
    assert tuple(installed) == revisions.KNOWN[: len(installed)]
    assert all_of_them.index(revisions.SCHEMA) + 1 == revisions.RELEASED
    assert set(revisions.HEADS.values()) <= set(revisions.KNOWN)
