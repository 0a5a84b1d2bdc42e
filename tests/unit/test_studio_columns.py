"""Metrics and params as columns of All runs: values, order, filters, and the list of keys."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from amlflow.exceptions import UserErrorException
from amlflow.plain_json import to_json
from amlflow.spec import TICK, Point, RunChange, RunDraft, Status
from amlflow.testing.memory import MemoryTracker
from amlflow_page import all_runs
from amlflow_page.access import Everybody
from amlflow_page.deadline import TookTooLong, limit_time

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
SERIES = ([0.5, 0.25], [3.0], [], [math.nan], [1.0, math.inf])


@pytest.fixture(scope="module")
def tracker() -> MemoryTracker:
    tracker = MemoryTracker("memory:")
    experiment = tracker.ensure_experiment("explore-runs")
    for place, values in enumerate(SERIES):
        created = START + timedelta(seconds=place)
        [run] = tracker.create_runs(
            [
                RunDraft(
                    experiment_id=experiment.id,
                    name=f"run {place}",
                    created=created,
                    tags={"stage": "prod"} if place else {},
                    properties={"author": "me"},
                )
            ]
        )
        points = [
            Point(name="val/loss", value=value, order=order, time=START + order * TICK, writer="a")
            for order, value in enumerate(values)
        ]
        tracker.write_points(run.id, points)
        ended = created + timedelta(seconds=10 - place)
        tracker.update_run(run.id, RunChange(status=Status.COMPLETED, ended=ended))
    return tracker


def ask(tracker: MemoryTracker, **request: Any) -> dict[str, Any]:
    """What the page gets, as JSON."""
    answer: dict[str, Any] = json.loads(to_json(all_runs.rows(tracker, Everybody(), request)))
    return answer


def names(answer: dict[str, Any]) -> list[int]:
    return [int(row["name"][-1]) for row in answer["rows"]]


@pytest.mark.parametrize(
    ("sort", "places"),
    [
        ("metric:val/loss", [0, 1, 4, 3, 2]),
        ("-metric:val/loss", [4, 1, 0, 3, 2]),
        ("metric_min:val/loss", [0, 4, 1, 3, 2]),
        ("-metric_max:val/loss", [4, 1, 0, 3, 2]),
        ("metric_first:val/loss", [0, 4, 1, 3, 2]),
        ("created", [0, 1, 2, 3, 4]),
        ("duration", [4, 3, 2, 1, 0]),
        ("-duration", [0, 1, 2, 3, 4]),
        ("tag:stage", [4, 3, 2, 1, 0]),
        ("param:none", [4, 3, 2, 1, 0]),
    ],
)
def test_rows_are_sorted_by_a_column(tracker: MemoryTracker, sort: str, places: list[int]) -> None:
    first = ask(tracker, sort=sort, size=2)
    second = ask(tracker, sort=sort, size=200, cursor=first["cursor"])
    assert names(first) + names(second) == places
    assert first["looked_at"] == 3  # no more than it takes


def test_a_sort_whose_filter_takes_two_searches_is_the_same(tracker: MemoryTracker) -> None:
    query = "[?name == 'run 1' || metrics.\"val/loss\" < `0.5`]"
    assert names(ask(tracker, sort="-metric:val/loss", query=query)) == [1, 0]


def test_a_row_has_the_numbers_of_its_columns(tracker: MemoryTracker) -> None:
    columns = ["metric:val/loss", "metric_first:val/loss", "metric:none", "status"]
    rows = {row["name"]: row for row in ask(tracker, columns=columns)["rows"]}
    assert rows["run 0"]["metrics"] == {"val/loss": 0.25}
    assert rows["run 0"]["metrics_first"] == {"val/loss": 0.5}
    assert rows["run 3"]["metrics"] == {"val/loss": "NaN"}
    assert rows["run 4"]["metrics"] == {"val/loss": "Infinity"}
    assert "metrics" not in rows["run 2"]
    assert "metrics" not in ask(tracker)["rows"][-1]


def test_queries_of_metrics(tracker: MemoryTracker) -> None:
    assert names(ask(tracker, query='[?metrics."val/loss" < `1`]')) == [0]
    best = 'sort_by([?metrics."val/loss"], &metrics."val/loss")'
    assert names(ask(tracker, query=best)) == [0, 1, 4]
    values = ask(tracker, query=f'{best}[].[name, metrics."val/loss"]')["value"]
    assert values == [["run 0", 0.25], ["run 1", 3.0], ["run 4", "Infinity"]]


@pytest.mark.parametrize("sort", ["metric", "metric:", "metric_last:a", "params:a"])
def test_a_column_that_there_is_not(tracker: MemoryTracker, sort: str) -> None:
    with pytest.raises(UserErrorException, match="not a column to sort by"):
        ask(tracker, sort=sort)


def test_the_keys_that_there_are(tracker: MemoryTracker) -> None:
    assert all_runs.keys(tracker, Everybody()) == {
        "tags": ["stage"], "properties": ["author"], "params": [], "metrics": ["val/loss"],
    }  # fmt: skip


def test_keys_that_runs_do_not_have(tracker: MemoryTracker) -> None:
    def doubts(query: str) -> list[str]:
        return all_runs.unknown_keys(tracker, Everybody(), {"query": query})["doubts"]

    [metric, tag] = doubts('[?metrics."val/los" && tags.stge==\'a\' && metrics."val/loss"]')
    assert metric.endswith("do not have the metric 'val/los'; did you mean 'val/loss'?")
    assert tag.endswith("do not have the tag 'stge'; did you mean 'stage'?")
    for query in ("", "[?", "[?name=='a']", "[?tags.stage]"):
        assert doubts(query) == []
    assert doubts("[?tags.image]")[0].endswith("the tag 'image'.")
    assert len(doubts("[?" + " && ".join(f"tags.t{number}" for number in range(9)) + "]")) == 5


def test_a_query_is_given_up_after_some_time() -> None:
    keep = limit_time(lambda run: True, seconds=-1)
    with pytest.raises(TookTooLong, match="looked at 1 runs"):
        keep(None)  # type: ignore[arg-type]
