"""The contents of the studio's pages: why runs failed, their values, curves for charts."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from amlflow import tracker_data, tracker_notes
from amlflow.plain_json import to_json
from amlflow.query.document import Documents
from amlflow.run_errors import to_error
from amlflow.spec import Kind, Point, RunDraft, RunRecord, Status
from amlflow.testing.memory import MemoryTracker
from amlflow_page import all_runs
from amlflow_page.access import Everybody
from amlflow_page.curves import MAX_RUNS, Wanted, curves, metric_names, sample
from amlflow_page.failures import MAX_REASON, group, reason
from amlflow_page.filters import WrongRequest
from amlflow_page.run_details import MAX_CHILDREN, command, details, metrics

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Calls:
    """A function that keeps the arguments of its calls."""

    def __init__(self, function: Any) -> None:
        self._function, self.made = function, list[tuple[Any, ...]]()

    def __call__(self, *arguments: Any) -> Any:
        self.made.append(arguments)
        return self._function(*arguments)


class Store:
    """A tracker in memory with one experiment."""

    def __init__(self) -> None:
        self.tracker = MemoryTracker("memory:")
        self.experiment = self.tracker.ensure_experiment("explore-runs")

    def run(self, error: Any = None, **draft: Any) -> RunRecord:
        notes = dict(draft.pop("system", {}))
        if error is not None:
            notes["error"] = to_json(to_error(error))
            draft["status"] = Status.FAILED
        [record] = self.tracker.create_runs(
            [
                RunDraft(
                    experiment_id=self.experiment.id, created=START, **{**draft, "system": notes}
                )
            ]
        )
        return record

    def log(self, record: RunRecord, name: str, *values: Any, kind: Kind = Kind.SCALAR) -> None:
        self.tracker.write_points(
            record.id,
            [
                Point(
                    name=name,
                    value=value,
                    kind=kind,
                    order=order,
                    time=START + timedelta(seconds=order),
                    writer="a",
                )
                for order, value in enumerate(values)
            ],
        )


@pytest.fixture
def store() -> Store:
    return Store()


# --- failures -----------------------------------------------------------------------------------

TRACEBACK = """\
The script exited with 1:
Traceback (most recent call last):
  File "train.py", line 3, in <module>
    main()
RuntimeError: CUDA out of memory
"""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ("CUDA out of memory", "CUDA out of memory"),
        ("\n  first line \nsecond line", "first line"),
        (TRACEBACK, "RuntimeError: CUDA out of memory"),
        (ValueError("no such file"), "ValueError: no such file"),
        ("", "UserError"),
        ("x" * 2000, "x" * MAX_REASON),
        (" 10%\r\x1b[31mout of \x1b[1mmemory\x1b[0m\nmore", "out of memory"),
        (TRACEBACK.replace("CUDA", "\x1b[1;35mCUDA\x1b[0m"), "RuntimeError: CUDA out of memory"),
    ],
)
def test_a_failed_run_says_why_in_one_line(store: Store, error: Any, line: str) -> None:
    assert reason(store.run(error)) == line


def test_only_a_failed_run_has_a_reason(store: Store) -> None:
    assert reason(store.run(status=Status.FAILED)) is None
    failed = store.run("out of memory")
    assert reason(replace(failed, status=Status.COMPLETED)) is None
    assert reason(replace(failed, system={"error": "{}"})) is None


def test_runs_that_failed_alike_are_one_group(store: Store) -> None:
    runs = [store.run(f"CUDA out of memory. Tried to allocate {size} GiB") for size in (2, 3, 4)]
    runs += [store.run("FileNotFoundError: data.csv"), store.run(status=Status.FAILED)]
    groups = group(runs)
    assert [(item["reason"], item["count"]) for item in groups] == [
        ("CUDA out of memory. Tried to allocate 2 GiB", 3),
        ("FileNotFoundError: data.csv", 1),
    ]
    assert groups[0]["text"] == "CUDA out of memory. Tried to allocate GiB"


def test_the_text_search_finds_the_runs_of_a_group(store: Store) -> None:
    failed = [
        store.run("CUDA out of memory: 2 GiB"),
        store.run("CUDA \x1b[31mout of mem\x1b[1mory\x1b[0m: 3 GiB"),
    ]
    store.run("another error")
    store.run()
    [first, _] = all_runs.failures(store.tracker, Everybody(), {})["groups"]
    answer = all_runs.rows(
        store.tracker, Everybody(), {"text": first["text"], "columns": ["error"]}
    )
    assert {row["id"] for row in answer["rows"]} == {run.id for run in failed}
    assert {row["error_line"] for row in answer["rows"]} == {
        "CUDA out of memory: 2 GiB",
        "CUDA out of memory: 3 GiB",
    }


def test_failures_are_those_of_the_filters(store: Store) -> None:
    store.run("one", tags={"stage": "dev"})
    store.run("two")
    answer = all_runs.failures(store.tracker, Everybody(), {"tags": ["stage=dev"]})
    assert answer == {"groups": [{"reason": "one", "count": 1, "text": "one"}], "looked_at": 1}


def test_only_the_error_of_a_failed_run_is_parsed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.run(status=Status.COMPLETED, system={"error": to_json(to_error("an old one"))})
    store.run("out of memory")
    parsed = Calls(tracker_data.parse)
    monkeypatch.setattr(tracker_notes, "parse", parsed)
    rows = all_runs.rows(store.tracker, Everybody(), {"columns": ["status"]})["rows"]
    assert {row["error_line"] for row in rows} == {"out of memory", None}
    assert [arguments[1] for arguments in parsed.made].count("error") == 1


def test_a_row_of_a_run_that_goes_on_has_no_error(store: Store) -> None:
    row = all_runs.row(Documents({}), store.run())
    assert (row["error_line"], row["final"]) == (None, False)


@pytest.mark.parametrize("value", [False, 0, 1, "", [], {}, [0]], ids=repr)
@pytest.mark.parametrize("key", ["sort", "query", "columns"])
def test_a_request_whose_value_is_of_another_type_is_refused(
    store: Store, key: str, value: Any
) -> None:
    right = list if key == "columns" else str
    if isinstance(value, right) and value != [0]:
        all_runs.rows(store.tracker, Everybody(), {key: value})
    else:
        with pytest.raises(WrongRequest, match=repr(key)):
            all_runs.rows(store.tracker, Everybody(), {key: value})


NOTES = ("script", "error", "warnings", "target")


@pytest.mark.parametrize(
    ("columns", "parsed"),
    [
        (["name", "target"], ["target"]),
        (["status", "target"], ["error", "target"]),
        (["script"], ["script", "target"]),
        (["error"], ["error", "target"]),
        (["error", "script"], ["error", "script", "target"]),
    ],
)
def test_a_list_parses_only_the_notes_that_its_columns_show_and_each_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, columns: list[str], parsed: list[str]
) -> None:
    store.run(
        "reason", system={"definition": "{}", "script": "a.py", "target": "t", "warnings": "[]"}
    )
    keys: list[str] = []

    def parse(owner: str, key: str, text: object, read: Any) -> Any:
        keys.append(key)
        return tracker_data.parse(owner, key, text, read)

    monkeypatch.setattr(tracker_notes, "parse", parse)
    [row] = all_runs.rows(store.tracker, Everybody(), {"columns": columns})["rows"]
    assert sorted(key for key in keys if key in NOTES) == parsed
    assert row["target"] == "t"
    assert ("script" in columns, not {"error", "status"}.isdisjoint(columns)) == (
        row.get("script_name") == "a.py",
        row.get("error_line") == "reason",
    )


# --- a run's page -------------------------------------------------------------------------------


def test_a_run_says_where_it_belongs(store: Store) -> None:
    parent = store.run(name="the parent")
    child = store.run(name="the child", parent_id=parent.id, root_id=parent.id)
    shown = details(store.tracker, Everybody(), parent)
    assert shown["parent"] is None
    assert [item["name"] for item in shown["children"]] == ["the child"]
    assert not shown["more_children"]
    above = details(store.tracker, Everybody(), child)["parent"]
    assert (above["id"], above["name"]) == (parent.id, "the parent")


def test_a_parent_that_is_gone_or_forbidden_is_not_shown(store: Store) -> None:
    class Nobody(Everybody):
        def may_read(self, run_id: str) -> bool:
            return False

    parent = store.run()
    child = store.run(parent_id=parent.id, root_id=parent.id)
    assert details(store.tracker, Nobody(), child)["parent"] is None
    orphan = store.run(parent_id="gone", root_id="gone")
    assert details(store.tracker, Everybody(), orphan)["parent"] is None


def test_a_page_has_a_limit_of_children(store: Store) -> None:
    parent = store.run()
    store.tracker.create_runs(
        [
            RunDraft(
                experiment_id=store.experiment.id,
                created=START,
                parent_id=parent.id,
                root_id=parent.id,
            )
            for _ in range(MAX_CHILDREN + 1)
        ]
    )
    shown = details(store.tracker, Everybody(), parent)
    assert (len(shown["children"]), shown["more_children"]) == (MAX_CHILDREN, True)


@pytest.mark.parametrize(
    ("definition", "shown"),
    [
        ({"script": "train.py", "arguments": ["--name", "a b"]}, "python train.py --name 'a b'"),
        ({"script": None, "command": ["bash", "-c", "echo 1"]}, "bash -c 'echo 1'"),
        ({"command": "echo 1"}, "echo 1"),
        ({"script": 3, "arguments": "x"}, None),
        ({}, None),
    ],
)
def test_the_command_is_as_in_a_shell(store: Store, definition: Any, shown: Any) -> None:
    assert command(store.run(system={"definition": to_json(definition)})) == shown


def test_the_failure_has_its_traceback(store: Store) -> None:
    try:
        raise RuntimeError("no memory")
    except RuntimeError as error:
        run = store.run(error)
    failure = details(store.tracker, Everybody(), run)["failure"]
    assert failure["message"] == "RuntimeError: no memory"
    assert 'raise RuntimeError("no memory")' in failure["traceback"]


def test_metrics_of_numbers_are_summed_up(store: Store) -> None:
    run = store.run()
    store.log(run, "loss", 3.0, 1.0, 2.0)
    store.log(run, "nan", math.nan, 5)
    store.log(run, "note", "a text")
    store.log(run, "fold", {"seconds": [1, 2]}, kind=Kind.TABLE)
    answer = metrics(store.tracker, run.id)
    fold, loss, nan, note = answer["metrics"]
    assert (loss["first"], loss["last"], loss["min"], loss["max"]) == (3, 2, 1, 3)
    assert (loss["count"], loss["step"]) == (3, 2)
    assert (nan["min"], nan["max"]) == (5, 5)
    assert note["value"] == "a text"
    assert fold["value"] == {"seconds": [1, 2]}
    assert not answer["more"]


# --- curves -------------------------------------------------------------------------------------


def test_a_sample_keeps_the_ends_and_every_peak() -> None:
    values = np.zeros(100_000)
    values[[12_345, 77_777]] = 5, -5
    places = sample(values, 500)
    assert len(places) <= 500
    assert {0, 12_345, 77_777, 99_999} <= set(places)
    assert places == sorted(places)


@pytest.mark.parametrize("length", [0, 1, 4, 499, 500, 501, 1001])
def test_a_sample_has_at_most_so_many_places(length: int) -> None:
    places = sample(np.arange(float(length)), 500)
    assert len(places) <= 500
    assert length > 500 or places == list(range(length))


def test_a_sample_of_no_numbers_has_them_still() -> None:
    places = sample(np.full(1000, math.nan), 10)
    assert 2 <= len(places) <= 10


def test_curves_are_of_the_metrics_that_have_numbers(store: Store) -> None:
    first, second = store.run(), store.run()
    store.log(first, "loss", 2.0, 1.0)
    store.log(first, "note", "a text")
    store.log(second, "loss", 3.0)
    answer = curves(store.tracker, Wanted([first.id, second.id], ["loss", "note", "missing"], 100))
    assert [(item["run_id"], item["name"], item["values"]) for item in answer] == [
        (first.id, "loss", [2.0, 1.0]),
        (second.id, "loss", [3.0]),
    ]
    assert answer[0]["steps"] == [0, 1]
    assert answer[0]["times"] == [START.timestamp(), START.timestamp() + 1]


def test_the_metric_that_most_runs_have_is_named_first_and_then_one_with_a_curve(
    store: Store,
) -> None:
    first, second, third = store.run(), store.run(), store.run()
    store.log(first, "acc", 1.0)
    store.log(first, "loss", 2.0, 1.0)
    store.log(first, "note", "a text")
    store.log(second, "rate", 0.1)
    for record in (first, second):
        store.log(record, "zeal", 1.0)
    ids = [third.id, first.id, second.id]
    names = ["zeal", "loss", "acc", "rate"]
    assert metric_names(store.tracker, {"run_ids": ids}) == names
    # The others are read only if the first ones have none.
    assert metric_names(store.tracker, {"run_ids": ids[1:], "enough": 1}) == ["loss", "acc", "zeal"]
    assert metric_names(store.tracker, {"run_ids": ids, "enough": 1}) == names
    assert metric_names(store.tracker, {"run_ids": ids[:1]}) == []


def test_a_part_of_a_curve_has_all_its_points(store: Store) -> None:
    record = store.run()
    store.log(record, "loss", *map(float, range(1000)))
    whole = Wanted([record.id], ["loss"], 10)
    [curve] = curves(store.tracker, whole)
    assert len(curve["steps"]) <= 10
    [part] = curves(store.tracker, replace(whole, low=500, high=504.5))
    # One more point on each side, so that the line leads to the edges of the chart.
    assert part["steps"] == [499, 500, 501, 502, 503, 504, 505]
    assert (part["count"], part["start"]) == (1000, START.timestamp())
    [later] = curves(store.tracker, replace(whole, axis="time", low=998.5))
    assert later["steps"] == [998, 999]
    [none] = curves(store.tracker, replace(whole, low=5000))
    assert (none["values"], none["count"]) == ([], 1000)


@pytest.mark.parametrize(
    "request_body",
    [
        {},
        {"run_ids": [], "names": ["loss"]},
        {"run_ids": "a", "names": ["loss"]},
        {"run_ids": ["a"], "names": [1]},
        {"run_ids": ["a"] * (MAX_RUNS + 1), "names": ["loss"]},
        {"run_ids": ["a"], "names": ["loss"], "points": 1e9},
        {"run_ids": ["a"], "names": ["loss"], "points": True},
        {"run_ids": ["a"], "names": ["loss"], "points": 3},
        {"run_ids": ["a"], "names": ["loss"], "low": "0"},
        {"run_ids": ["a"], "names": ["loss"], "high": True},
        {"run_ids": ["a"], "names": ["loss"], "axis": "epoch"},
    ],
)
def test_a_request_for_curves_has_limits(request_body: Any) -> None:
    with pytest.raises(WrongRequest):
        Wanted.from_request(request_body)


def test_a_number_that_no_float_holds_is_shown_and_not_drawn(store: Store) -> None:
    record = store.run()
    large = 10**400
    store.log(record, "count", 1, large)
    [metric] = metrics(store.tracker, record.id)["metrics"]
    assert metric["value"] == [1, large]
    [curve] = curves(store.tracker, Wanted([record.id], ["count"], 10))
    assert curve["values"] == [1.0]
    to_json(metric)
