"""What queries push down, when they stop, and what they return."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from amlflow.cli import main
from amlflow.core.experiment import Experiment
from amlflow.core.runs.run import Run
from amlflow.core.workspace import Workspace
from amlflow.exceptions import UserErrorException
from amlflow.query.ask import Scope, ask
from amlflow.query.expression import Expression, QueryError
from amlflow.query.pushdown import reach
from amlflow.query.supersets import described
from amlflow.spec import RunDraft, RunQuery, RunRecord
from amlflow.testing.memory import MemoryTracker
from amlflow_mlflow.run_numbers import FEW, Numbers
from amlflow_mlflow.search import to_filter
from amlflow_mlflow.tracker import MlflowTracker
from mlflow import MlflowClient


def pushed(condition: str) -> str:
    """What is searched by for a filter."""
    return described(reach(Expression(f"[?{condition}]").tree["children"][2]).true)


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
        self.read, self.queries, self.numbered = 0, [], 0

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        self.queries.append(query)
        for record in super().find_runs(query):
            self.read += 1
            yield record

    def run_numbers(self, runs: Any) -> list[int]:
        self.numbered += len(runs)
        return super().run_numbers(runs)


@pytest.fixture
def counting() -> Counting:
    tracker = Counting()
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
    return tracker


def asked(tracker: Counting, text: str) -> Any:
    [experiment] = tracker.list_experiments()
    return ask(Expression(text), Scope(tracker, {experiment.id: experiment.name})).plain()


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
        ("[?tags.place == '7'].status", 1, ["Running"]),
    ],
)
def test_no_more_is_read_than_needed(counting: Counting, text: str, read: int, result: Any) -> None:
    assert asked(counting, text) == result
    assert counting.read == read


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


def test_memory_does_not_grow_with_what_does_not_match(counting: Counting) -> None:
    [experiment] = counting.list_experiments()
    scope = Scope(counting, {experiment.id: experiment.name})
    answer = ask(Expression("[?tags.keys(@)[?starts_with(@, 'no')]]"), scope)
    assert (answer.value, len(answer._whole), counting.read) == ([], 0, 100)


# the SDK


@pytest.fixture
def three(experiment: Experiment) -> list[Run]:
    runs = [experiment.start_logging(snapshot_directory=None) for _ in range(3)]
    runs[0].tag("quality", "fantastic run")
    runs[2].tag("quality", "fantastic run")
    runs[2].child_run().tag("quality", "fantastic run")
    return runs


def test_a_filter_returns_runs(experiment: Experiment, three: list[Run]) -> None:
    found = experiment.query("[?tags.quality == 'fantastic run']")
    assert found == [three[2], three[0]]
    assert all(type(run) is Run for run in found)
    found[0].tag("seen")
    assert three[2].get_tags()["seen"] is None


def test_an_index_returns_a_run_and_a_projection_values(
    experiment: Experiment, three: list[Run]
) -> None:
    assert experiment.query("[0]") == three[2]
    assert experiment.query("sort_by(@, &created_utc)") == three
    assert experiment.query("[?tags.quality].tags.quality") == ["fantastic run"] * 2
    assert experiment.query("[?tags.none]") == []
    assert experiment.query("[0].run_number") == 3
    assert experiment.query("{first: [0]}")["first"]["run_number"] == 3


def test_children_when_asked_for(experiment: Experiment, three: list[Run]) -> None:
    text = "[?tags.quality] | length(@)"
    assert experiment.query(text) == 2
    assert experiment.query(text, include_children=True) == 3


def test_all_experiments(workspace: Workspace, three: list[Run]) -> None:
    other = Experiment(workspace, "other").start_logging(snapshot_directory=None)
    Experiment(workspace, "gone").start_logging(snapshot_directory=None).experiment.archive()
    assert workspace.query("[0]") == other
    assert workspace.query("[0]").experiment.name == "other"
    assert workspace.query("length(@)") == 4
    assert workspace.query("[?_experiment_name == 'explore'] | length(@)") == 3
    assert workspace.query("[?_experiment_name != 'explore'].run_id") == [other.id]
    assert workspace.query(f"[?experiment_id == '{other.experiment.id}']") == [other]


def test_params_that_mlflow_users_logged(experiment: Experiment, store: str) -> None:
    run = experiment.start_logging(snapshot_directory=None)
    run.add_properties({"author": "me"})
    client = MlflowClient(store)
    client.log_param(run.id, "lr", 0.1)
    client.log_param(run.id, "model/depth", 3)
    other = experiment.start_logging(snapshot_directory=None)
    document = experiment.query(f"[?run_id=='{run.id}'] | [0].{{all: @}}")["all"]
    assert document["params"] == {"lr": "0.1", "model/depth": "3"}
    assert document["properties"]["author"] == "me"
    assert experiment.query("[?params.lr=='0.1']") == [run]
    assert experiment.query("[?params.\"model/depth\" && starts_with(params.lr, '0')]") == [run]
    assert experiment.query("[?!(params.lr)]") == [other]
    assert experiment.query("[].params.author") == []
    assert main(["run", "show", "-r", run.id, "--query", "params.lr=='0.1'"]) == 0
    assert "lr" not in run.get_details()["properties"]


def test_errors(experiment: Experiment, three: list[Run]) -> None:
    with pytest.raises(QueryError, match="\\^") as caught:
        experiment.query("[?tags.quality ==]")
    assert caught.value.place == 17
    with pytest.raises(UserErrorException, match=r"lacks it"):
        experiment.query("[?starts_with(tags.quality, 'f')]")
    with pytest.raises(UserErrorException, match="no_such"):
        experiment.query("[?no_such(@)]")


# numbers over REST


def test_numbers_by_halving_are_those_of_the_database(store: str, experiment: Experiment) -> None:
    tracker = MlflowTracker(store)
    start = datetime(2024, 1, 1, tzinfo=timezone.utc)
    tracker.create_runs(
        [
            # Every third was made in the same millisecond as the one before.
            RunDraft(
                experiment_id=experiment.id,
                created=start + timedelta(seconds=place - (place % 3 == 2)),
            )
            for place in range(2 * FEW + 9)
        ]
    )
    found = list(tracker.find_runs(RunQuery(experiment_ids=[experiment.id])))
    expected = list(range(len(found), 0, -1))
    in_order = sorted(found, key=lambda run: (run.created, run.id), reverse=True)
    numbers = Numbers(tracker._store, tracker._call)
    assert numbers.of(in_order) == expected
    for place in (0, 3, FEW, 2 * FEW):
        run = in_order[place]
        alone = numbers._of(experiment.id, [(int(run.created.timestamp() * 1000), run.id)])
        assert alone == {run.id: expected[place]}
