"""A query returns the same as jmespath on the full list, whatever the tracker has filtered."""

from __future__ import annotations

import itertools
import math
from datetime import datetime, timedelta, timezone
from typing import Any

import jmespath
import pytest
from amlflow.exceptions import UserErrorException
from amlflow.layers.search import SearchLayer
from amlflow.query.ask import ask, documents
from amlflow.query.document import ALL_FIELDS, FIELDS, Documents, whole_record
from amlflow.query.expression import Expression
from amlflow.query.search import Scope
from amlflow.query.shapes import metrics_in
from amlflow.spec import (
    METRIC_FIELDS,
    TICK,
    Condition,
    Op,
    Point,
    RunChange,
    RunDraft,
    RunQuery,
    Status,
    Tracker,
)
from amlflow.testing.memory import MemoryTracker
from helpers.jmespath_strategies import KEYS, METRICS, VALUES, expressions
from hypothesis import HealthCheck, example, given, settings

START = datetime(2024, 1, 1, tzinfo=timezone.utc)
LOGGED = ([0.5, 0.25], [3, 1], [math.nan], [math.inf], [], [0.0, -1.5, math.nan], [1.0, 0.25])


def fill(tracker: Tracker) -> None:
    """Runs whose tags, properties, names and times are as awkward as they may be."""
    experiments = [tracker.ensure_experiment(name).id for name in ("first", "second")]
    keys, values = itertools.cycle(KEYS[::-1]), itertools.cycle([None, *VALUES])
    statuses = itertools.cycle([Status.COMPLETED, Status.RUNNING, Status.FAILED, Status.QUEUED])
    parent = None
    for place in range(24):
        tags = {next(keys): next(values) for _ in range(place % 5)}
        if place % 4 == 1:
            tags["quality"] = ("fantastic run", "great run", "", None)[place // 4 % 4]
        properties = {next(keys): next(values) or "" for _ in range(place % 3)}
        if place % 3 == 0:
            properties["author"] = "azureml-user"
        nested = parent if place % 6 == 5 else None
        [run] = tracker.create_runs(
            [
                RunDraft(
                    experiment_id=nested.experiment_id if nested else experiments[place % 2],
                    run_id=f"asked-{place}" if place % 4 == 1 else None,
                    parent_id=nested.id if nested else None,
                    root_id=nested.id if nested else None,
                    name=("renamed", None, "special", VALUES[place])[place % 4],
                    type="kind" if place % 5 == 0 else None,
                    # Some are made in the same millisecond.
                    created=START + timedelta(hours=place // 2 * 3),
                    description=VALUES[place] if place % 3 == 0 else None,
                    tags=tags,
                    properties=properties,
                    system={"target": "local"} if place % 2 else {},
                )
            ]
        )
        parent = parent if place % 6 else run
        series = [LOGGED[place % 7], LOGGED[place % 5]] if place % 3 else []
        tracker.write_points(
            run.id,
            [
                Point(name=name, value=value, order=order, time=START + order * TICK, writer="w")
                for name, values in zip(METRICS, series, strict=False)
                for order, value in enumerate(values)
            ],
        )
        status = next(statuses)
        ended = run.created + timedelta(hours=1) if status != Status.QUEUED else None
        tracker.update_run(run.id, RunChange(status=status, ended=ended))


ERROR = "an error"


def outcome(text: str, full: list[dict[str, Any]]) -> Any:
    try:
        return jmespath.search(text, full)
    except (ValueError, TypeError):
        return ERROR


def asked(expression: Expression, scope: Scope) -> Any:
    try:
        return ask(expression, scope).as_json()
    except UserErrorException:
        return ERROR


class Reference:
    """A tracker and all documents in it."""

    def __init__(self, tracker: Tracker) -> None:
        fill(tracker)
        self.tracker = tracker
        self.experiments = {each.id: each.name for each in tracker.list_experiments()}
        self.scopes = [
            Scope(tracker, self.experiments),
            Scope(tracker, self.experiments, [Condition("parent_id", Op.LACKS)]),
        ]
        self.documents = [self._all(scope, numbered=False) for scope in self.scopes]
        # If numbers must be counted, documents have them only if the expression names them.
        self.numbered = [self._all(scope, numbered=True) for scope in self.scopes]

    def _all(self, scope: Scope, *, numbered: bool) -> list[dict[str, Any]]:
        query = RunQuery(
            experiment_ids=list(scope.experiments),
            conditions=scope.conditions,
            fields=whole_record(METRIC_FIELDS),
        )
        runs = list(self.tracker.find_runs(query))
        maker = Documents(scope.experiments)
        return [
            {**maker.make(run, ALL_FIELDS), **document}
            for run, document in zip(runs, documents(runs, scope, numbered=numbered), strict=True)
        ]

    def check(self, text: str) -> None:
        try:
            expression = Expression(text)
        except UserErrorException:
            with pytest.raises((ValueError, KeyError)):
                jmespath.compile(text)
            return
        names = [name for name in ALL_FIELDS if name in (*FIELDS, *metrics_in(expression.tree))]
        references = self.numbered if expression.needs_numbers else self.documents
        for scope, everything in zip(self.scopes, references, strict=True):
            full = [{name: document[name] for name in names} for document in everything]
            expected, found = outcome(text, full), asked(expression, scope)
            assert repr(found) == repr(expected)


@pytest.fixture(scope="module")
def memory() -> Reference:
    return Reference(MemoryTracker())


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory, empty_database: Any) -> Reference:
    from amlflow_mlflow.tracker import MlflowTracker

    path = tmp_path_factory.mktemp("query") / "mlflow.db"
    path.write_bytes(empty_database.read_bytes())
    return Reference(SearchLayer(MlflowTracker(f"sqlite:///{path}")))


def entries(documents: list[dict[str, Any]]) -> list[tuple[str, str | None, str | None]]:
    """What the documents hold that is the same on every tracker, and as often as it is there."""
    ids = ("run_id", "root_run_id", "parent_run_id", "experiment_id", "user_id", "created_by")
    found: list[tuple[str, str | None, str | None]] = []
    for document in documents:
        for field, value in document.items():
            if isinstance(value, dict):
                texts = [(key, each) for key, each in value.items() if not isinstance(each, float)]
                found += [(field, key, each) for key, each in texts] * 3
            elif field not in ids and isinstance(value, (str, type(None))):
                found.append((field, None, value))
        found.append(("run_id", None, "asked-1"))
    return found


drawn = expressions(entries(Reference(MemoryTracker()).documents[0]))

relaxed = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@given(text=drawn)
@example("[?run_number > `10` || starts_with(parent_run_id, 'x')] | [0]")  # an error later on
@example("[0].*")
@settings(relaxed, max_examples=800)
def test_equal_in_memory(memory: Reference, text: str) -> None:
    memory.check(text)


COLUMNS = [
    "[].run_id",
    "[*].tags.quality",
    "[].[name, run_id, status, user_id, created_by, _experiment_name, experiment_id, run_type]",
    "[].{start: start_time_utc, end: end_time_utc, made: created_utc, author: properties.author}",
    "[?properties.author == 'azureml-user'].{id: run_id, quality: tags.quality}",
    "[?tags.quality] | [].[tags.quality, description, params.none]",
    "[?contains(tags.quality, 'run')].run_id",
    "[?tags.quality && contains(tags.quality, 'fan')].run_id",
    "[?description && starts_with(description, 'a')].[description, display_name]",
    "sort_by([?tags.quality], &tags.quality)[].{id: run_id, quality: tags.quality}",
    "sort_by(@, &created_utc)[].run_id",
    "sort_by(@, &status)[].[status, name]",
    "reverse(sort_by(@, &experiment_id))[*].run_id",
    "sort_by(@, &name) | [].run_id",
    "sort_by([?name], &name) | reverse(@) | [].{name: name, name_again: display_name}",
    "sort_by(reverse(@), &_experiment_name)[].[run_id, _experiment_name]",
    "sort_by(@, &tags.quality)[].run_id",
    "sort_by(@, &tags)[].run_id",
    "sort_by(@, &end_time_utc)[].run_id",
    "sort_by([?end_time_utc], &end_time_utc)[].end_time_utc",
    "sort_by([?tags.quality], &tags.quality)[:2]",
    "sort_by([?end_time_utc], &end_time_utc)[-1].name",
    "[].{id: run_id, id: name}",
    "[].no_such_field",
    "[?metrics.loss < `0.3`].[run_id, metrics.loss]",
    "[?metrics.loss >= `0.25` && metrics.loss <= `3`].{id: run_id, loss: metrics.loss}",
    '[?metrics_min.loss < `0` || metrics_first."a b" == `1`].run_id',
    '[?metrics_max."a b" > `0.25`]',
    "[?!(metrics.loss)].run_id",
    "[?metrics.loss == `null`].name",
    "[?metrics.loss != `0.25`].metrics",
    "length([?metrics.loss == `0.25`])",
    "length([?metrics_max.loss > `1e400`])",
    "sort_by([?metrics.loss], &metrics.loss)[:3]",
    "sort_by([?metrics.loss > `0.25`], &metrics_min.loss)[-1].run_id",
    "sort_by([?metrics_first.loss], &metrics_first.loss)[].[run_id, metrics_first.loss]",
    "sort_by(@, &metrics.loss)[0]",
    "max_by([?metrics_max.loss], &metrics_max.loss).metrics_max",
    '[].[metrics.loss, metrics.none, metrics_min."a b"]',
    "[*].keys(metrics)",
    "[?metrics.loss > 'a'].run_id",
    "[?experiment_id == 'none'].run_id",
    "sort_by([?experiment_id == 'none'], &name)[].name",
]
"""What is read as columns, or sorted by the tracker, and what looks like it."""


@pytest.mark.parametrize("text", COLUMNS)
def test_columns_are_equal(memory: Reference, sqlite: Reference, text: str) -> None:
    memory.check(text)
    sqlite.check(text)


@given(text=drawn)
@example("[?starts_with(tags.quality, 'fan')]")
@example("[?tags.\"a b\" == 'x']")
@example("[?run_number > `2`]")
@example("[?properties.\"run_number\" == 'A']")
@settings(relaxed, max_examples=200)
def test_equal_on_sqlite(sqlite: Reference, text: str) -> None:
    sqlite.check(text)
