"""Queries: which part the tracker filters, when reading stops, and what is returned."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from amlflow.query.ask import ask, documents
from amlflow.query.expression import Expression
from amlflow.query.pushdown import reach
from amlflow.query.search import Scope
from amlflow.query.supersets import describe
from amlflow.spec import RunDraft, RunNotFound, RunQuery, RunRecord
from amlflow.testing.memory import MemoryTracker
from amlflow_mlflow.search import to_filter


def pushed(condition: str) -> str:
    """What is searched by for a filter."""
    return describe(reach(Expression(f"[?{condition}]").tree["children"][2]).true)


@pytest.mark.parametrize(
    ("condition", "search"),
    [
        ("tags.k == 'v'", "tags['k'] = 'v'"),
        ("'v' == tags.k", "tags['k'] = 'v'"),
        ('tags."a b" == `"it\'s"`', "tags['a b'] = \"it's\""),
        ("tags.k != 'v'", "tags['k'] != 'v'"),
        ("!(tags.k == 'v')", "tags['k'] != 'v'"),
        ("tags.k", "has tags['k'] and tags['k'] != None and tags['k'] != ''"),
        ("tags.k == `null`", "(lacks tags['k']) or (tags['k'] = None)"),
        ("tags.k == `1`", "nothing"),
        ("starts_with(tags.k, 'v')", "tags['k'] starts with 'v'"),
        ("contains(properties.k, 'v')", "properties['k'] contains 'v'"),
        ("contains(keys(tags), 'x')", "has tags['x']"),
        ("contains(tags.keys(@), 'x')", "has tags['x']"),
        ("!contains(keys(tags), 'x')", "lacks tags['x']"),
        ("tags.keys(@)[?@ == 'x']", "has tags['x']"),
        ("tags.keys(@)[?starts_with(@, 'x')]", "every run"),
        ("status == 'Completed'", "status = 'Completed'"),
        ("run_id == 'x'", "(alias = 'x') or (id = 'x')"),
        ("name == 'x' && display_name == 'y'", "nothing"),
        ("display_name == 'x'", "name = 'x'"),
        ("created_utc >= '2024-01-02'", "created >= 2024-01-02T00:00:00+00:00"),
        ("'2024-01-02T03:04:05' > end_time_utc", "ended <= 2024-01-02T03:04:06+00:00"),
        ("parent_run_id == 'x'", "(system['parent'] = 'x') or (parent_id = 'x')"),
        ("_experiment_name == 'x'", "experiment_name = 'x'"),
        ("tags.a == 'x' && tags.b == 'y'", "tags['a'] = 'x' and tags['b'] = 'y'"),
        ("tags.a == 'x' || tags.b == 'y'", "(tags['a'] = 'x') or (tags['b'] = 'y')"),
        ("tags.a == 'x' || length(tags) > `3`", "every run"),
        ("tags.a == 'x' && length(tags) > `3`", "tags['a'] = 'x'"),
        ("tags.a == 'x' && tags.a == 'y'", "nothing"),
        (" || ".join(f"tags.a == '{each}'" for each in "abcdef"), "has tags['a']"),
        ("no_such_field == 'x'", "every run"),
    ],
)
def test_what_is_pushed_down(condition: str, search: str) -> None:
    assert pushed(condition) == search


@pytest.mark.parametrize(
    ("condition", "search"),
    [
        ("properties.author=='azureml-user'", "params.`property.author` = 'azureml-user'"),
        ("params.lr=='0.1'", "params.`lr` = '0.1'"),
        ("params.\"model/l r\"=='0.1'", "params.`model/l r` = '0.1'"),
        ('params."a`b"', ""),
        ("tags.\"50%_a\" == 'x'", "tags.`50:u25:_a` = 'x'"),
        ("starts_with(tags.k, '50%_')", "tags.`k` LIKE '50__%'"),
        ("status == 'Failed'", "attributes.status = 'FAILED'"),
        ("tags.größe == 'x'", "tags.`größe` = 'x'"),
    ],
)
def test_what_mlflow_filters_by(condition: str, search: str) -> None:
    quoted = condition.replace("tags.größe", 'tags."größe"')
    [alternative] = reach(Expression(f"[?{quoted}]").tree["children"][2]).true
    assert to_filter(alternative) == search


class Counting(MemoryTracker):
    """Counts the runs that are read, and notes what was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.read, self.queries, self.numbered, self.valued = 0, [], 0, 0

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        self.queries.append(query)
        for record in super().find_runs(query):
            self.read += 1
            yield record

    def field_values(self, query: RunQuery, fields: Any) -> list[tuple[Any, ...]]:
        self.valued += 1
        read, values = self.read, super().field_values(query, fields)
        self.read = read
        return values

    def count_runs(self, query: RunQuery) -> int:
        read, queries = self.read, list(self.queries)
        count = super().count_runs(query)
        self.read, self.queries = read, queries
        return count

    def run_numbers(self, runs: Any) -> list[int]:
        self.numbered += len(runs)
        return super().run_numbers(runs)


def fill(tracker: MemoryTracker) -> None:
    """Add an experiment of a hundred runs."""
    experiment = tracker.ensure_experiment("many")
    start = datetime(2024, 1, 1, tzinfo=timezone.utc)
    tracker.create_runs(
        [
            RunDraft(
                experiment_id=experiment.id,
                created=start + timedelta(seconds=place),
                tags={"even": str(place % 2 == 0), "place": str(place)},
            )
            for place in range(100)
        ]
    )


@pytest.fixture
def counting() -> Counting:
    tracker = Counting()
    fill(tracker)
    return tracker


def asked(tracker: Counting, text: str) -> Any:
    [experiment] = tracker.list_experiments()
    return ask(Expression(text), Scope(tracker, {experiment.id: experiment.name})).as_json()


@pytest.mark.parametrize(
    ("text", "read", "result"),
    [
        ("[0].tags.place", 1, "99"),
        ("[:3].tags.place", 3, ["99", "98", "97"]),
        ("[2:4].tags.place", 4, ["97", "96"]),
        ("[?tags.even == 'True'].tags.place | [0]", 1, "98"),
        ("[?tags.even == 'True'].tags.place | [:2]", 2, ["98", "96"]),
        ("[?length(tags.even) == `4`].tags.place | [0]", 100, "98"),  # might raise later on
        ("[-1].tags.place", 100, "0"),
        ("[?tags.place == '7'].[status, target]", 1, [["Running", "sdk"]]),
    ],
)
def test_no_more_is_read_than_needed(counting: Counting, text: str, read: int, result: Any) -> None:
    assert asked(counting, text) == result
    assert counting.read == read


@pytest.mark.parametrize(
    "text",
    [
        "[].tags.place",
        "[?tags.even == 'True'].{id: run_id, place: tags.place}",
        "sort_by(@, &tags.place)[].run_id",
        "sort_by(@, &created_utc) | reverse(@) | [].[name, tags.place]",
    ],
)
def test_a_projection_to_stored_fields_reads_no_records(counting: Counting, text: str) -> None:
    assert len(asked(counting, text)) in (50, 100)
    assert (counting.read, counting.valued) == (0, 1)


def test_a_limit_is_passed_on(counting: Counting) -> None:
    asked(counting, "[:3].status")
    assert counting.queries[-1].limit == 3


@pytest.mark.parametrize(
    ("text", "numbered"),
    [
        ("[?tags.place == '7']", 1),
        ("[].tags.place", 0),
        ("length(@)", 0),
        ("sort_by(@, &created_utc)[0]", 1),
        ("[?run_number == `3`].tags.place", 100),
        ("[0].*", 1),
    ],
)
def test_numbers_are_counted_for_what_shows_them(
    counting: Counting, text: str, numbered: int
) -> None:
    asked(counting, text)
    assert counting.numbered == numbered


class Uncounted(Counting):
    """A tracker that has to read its runs to count them."""

    count_runs: Any = staticmethod(lambda query: None)


@pytest.mark.parametrize(
    ("text", "result", "numbered"),
    [
        ("[?tags.place == '7'] | [0].run_number", 8, 1),
        ("[:2].run_number", [100, 99], 2),
        ("[?tags.place == '7'].tags.place", ["7"], 0),
    ],
)
def test_numbers_that_take_long_to_count_are_counted_for_a_query_that_names_them(
    text: str, result: Any, numbered: int
) -> None:
    tracker = Uncounted()
    fill(tracker)
    assert asked(tracker, text) == result
    assert tracker.numbered == numbered


def test_a_list_has_no_numbers_that_take_long_to_count() -> None:
    tracker = Uncounted()
    fill(tracker)
    [experiment] = tracker.list_experiments()
    scope = Scope(tracker, {experiment.id: experiment.name})
    assert {run["run_number"] for run in asked(tracker, "[?tags.even == 'True']")} == {None}
    records = list(tracker.find_runs(RunQuery(experiment_ids=[experiment.id])))
    assert {run["run_number"] for run in documents(records, scope)} == {None}
    assert tracker.numbered == 0
    assert documents(records[:1], scope, numbered=True)[0]["run_number"] == 100


def test_memory_does_not_grow_with_what_does_not_match(counting: Counting) -> None:
    [experiment] = counting.list_experiments()
    scope = Scope(counting, {experiment.id: experiment.name})
    answer = ask(Expression("[?tags.keys(@)[?starts_with(@, 'no')]]"), scope)
    assert (answer.value, len(answer._whole), counting.read) == ([], 0, 100)


class Losing(Counting):
    """A tracker whose runs are deleted by another client when they have been found."""

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        records = list(super().find_runs(query))
        yield from records
        for record in records:
            self.delete_run(record.id)


@pytest.mark.parametrize("step", ["[0]", "[:1]"])
def test_a_run_that_is_deleted_before_its_metrics_are_read_is_missing(step: str) -> None:
    tracker = Losing()
    experiment = tracker.ensure_experiment("lost")
    created = datetime(2024, 1, 1, tzinfo=timezone.utc)
    tracker.create_runs([RunDraft(experiment_id=experiment.id, created=created)])
    with pytest.raises(RunNotFound):
        asked(tracker, f"sort_by(@, &(metrics.loss || `0`)){step}")
