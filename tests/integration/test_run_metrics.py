"""Metrics: logged values come back in v1's form, with their types."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import mlflow
import numpy as np
import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.runs import stamps
from amlflow.core.runs.run import Run
from amlflow.exceptions import AzureMLException, UserErrorException
from helpers.exact_values import SCALARS, exactly, same
from matplotlib.figure import Figure

matplotlib.use("Agg")


# lists


def generated() -> Iterator[int]:
    yield from (1, 2, 3)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([1, 2, 3], [1, 2, 3]), ([0.5], [0.5]), ([], []), ((1, 2.5), [1, 2.5]),
        (range(3), [0, 1, 2]), (generated(), [1, 2, 3]), (np.arange(3), [0, 1, 2]),
        (np.array([0.5, math.nan]), [0.5, math.nan]), (["a", None, True, 1, 1.0], None),
        ({"b": 1}.values(), [1]), (map(str, [1]), ["1"]), (SCALARS, SCALARS),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_list_comes_back_as_it_was_logged(run: Run, given: Any, kept: list[Any] | None) -> None:
    kept = list(given) if kept is None else kept
    run.log_list("list", given, description="unused")
    same(run.get_metrics(), {"list": kept})


def test_several_lists_and_scalars_of_one_name(run: Run) -> None:
    run.log_list("mixed", [1, 2])
    run.log("mixed", 3)
    run.log_list("mixed", [])
    run.log_list("mixed", [4.5])
    same(run.get_metrics(), {"mixed": [1, 2, 3, 4.5]})


def test_a_list_of_5000_values_comes_back_in_order(run: Run) -> None:
    values = [number / 7 for number in range(5000)]
    run.log_list("long", values)
    run.log("after", 1)
    same(run.get_metrics(), {"long": values, "after": 1})


# rows and tables


def test_one_row_is_a_dict_of_values(run: Run) -> None:
    run.log_row("point", x=1, y=0.5, label="a", none=None, flag=True)
    same(run.get_metrics(), {"point": {"x": 1, "y": 0.5, "label": "a", "none": None, "flag": True}})


def test_several_rows_are_a_dict_of_lists(run: Run) -> None:
    for fruit, size in (("orange", 10), ("lemon", 7.5), ("lime", None)):
        run.log_row("citrus", description="unused", fruit=fruit, size=size)
    expected = {"fruit": ["orange", "lemon", "lime"], "size": [10, 7.5, None]}
    same(run.get_metrics("citrus"), {"citrus": expected})


def test_rows_with_missing_columns(run: Run) -> None:
    run.log_row("rows", a=1)
    run.log_row("rows", a=2, b="x")
    run.log_row("rows", c=None)
    same(run.get_metrics(), {"rows": {"a": [1, 2, None], "b": [None, "x", None], "c": [None] * 3}})


def test_tables_come_back_by_column(run: Run) -> None:
    run.log_table("table", {"x": [1, 2, 3], "y": [0.5, math.nan, -0.0], "s": ["a", "b", None]})
    run.log_table("numpy", {"x": np.arange(2), "y": (True, False)})
    run.log_table("one row", {"x": [1], "y": ["a"]})
    run.log_table("values", {"x": 1, "y": "a"})
    run.log_table("empty", {"x": [], "y": []})
    expected = {
        "table": {"x": [1, 2, 3], "y": [0.5, math.nan, -0.0], "s": ["a", "b", None]},
        "numpy": {"x": [0, 1], "y": [True, False]},
        "one row": {"x": 1, "y": "a"},
        "values": {"x": 1, "y": "a"},
        "empty": {"x": [], "y": []},
    }
    same(run.get_metrics(), expected)


def test_a_table_and_rows_of_one_name(run: Run) -> None:
    run.log_table("t", {"x": [1, 2]})
    run.log_row("t", x=3, y="a")
    run.log_table("t", {"y": ["b"]})
    same(run.get_metrics(), {"t": {"x": [1, 2, 3, None], "y": [None, None, "a", "b"]}})


def test_awkward_names_and_columns(run: Run) -> None:
    names = ["a b", "a=b", "it's", '"', "🙂", "日本", "a/b", "../x", "a:u41:", "mlflow.x", ".", "%"]
    for name in names:
        run.log(name, 1)
        run.log_row(f"row {name}", **{name: 2})
    expected = dict.fromkeys(names, 1) | {f"row {name}": {name: 2} for name in names}
    same(run.get_metrics(), expected)
    for name in names:
        same(run.get_metrics(name), {name: 1})


# what is refused


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda run: run.log("m", [1, 2]), ["'m'", "list", "log_list"]),
        (lambda run: run.log("m", range(3)), ["'m'", "range", "log_list"]),
        (lambda run: run.log("m", generated()), ["'m'", "generator", "log_list"]),
        (lambda run: run.log("m", generated), ["'m'", "function", "log_list"]),
        (lambda run: run.log("", 1), ["''"]),
        (lambda run: run.log(None, 1), ["None"]),
        (lambda run: run.log(5, 1), ["5"]),
        (lambda run: run.log_list("m", 5), ["'m'", "int"]),
        (lambda run: run.log_list("m", "text"), ["'m'", "str"]),
        (lambda run: run.log_list("m", [1, [2]]), ["'m'", "1", "list"]),
        (lambda run: run.log_list("m", [object()]), ["'m'", "0", "object"]),
        (lambda run: run.log_row("m"), ["'m'", "columns"]),
        (lambda run: run.log_row("m", x=[1]), ["'m'", "'x'", "list"]),
        (lambda run: run.log_row("m", x=1, y={"a": 1}), ["'m'", "'y'", "dict"]),
        (lambda run: run.log_table("m", [1]), ["'m'", "list"]),
        (lambda run: run.log_table("m", {"x": [1], "y": [1, 2]}), ["'x' has 1", "'y' has 2"]),
        (lambda run: run.log_table("m", {"x": 1, "y": [1, 2]}), ["'x' has 1", "'y' has 2"]),
        (lambda run: run.log_table("m", {"x": [[1]]}), ["'m'", "'x'", "list"]),
        (lambda run: run.log_image("m"), ["'m'", "neither"]),
        (lambda run: run.log_image("m", path="a", plot="b"), ["'m'", "both"]),
        (lambda run: run.log_image("m", path="nowhere.png"), ["'m'", "'nowhere.png'"]),
        (lambda run: run.log_image("m", plot="no figure"), ["'m'", "str", "path="]),
        (lambda run: run.log_image("m", plt), ["'m'", "pyplot", "plot="]),
        (lambda run: run.log_image("m", path=Figure()), ["'m'", "Figure", "plot="]),
        (lambda run: run.log_image("m", 5), ["'m'", "int"]),
        (lambda run: run.log_image("m", plot=Path("a.png")), ["'m'", "path="]),
        (lambda run: run.log_list("m", np.array(3)), ["'m'", "ndarray", "run.log()"]),
    ],
)  # fmt: skip
def test_a_refused_value_is_named_and_nothing_is_logged(
    run: Run, call: Any, named: list[str]
) -> None:
    with pytest.raises(UserErrorException) as error:
        call(run)
    for each in named:
        assert each in error.value.message
    assert run.get_metrics() == {}
    assert run.get_file_names() == []


def test_an_element_that_fails_leaves_nothing(run: Run) -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise RuntimeError("the data ran out")

    with pytest.raises(RuntimeError, match="the data ran out"):
        run.log_list("m", failing())
    assert run.get_metrics() == {}


# runs within runs


def test_recursive_gives_the_metrics_of_all_below_by_id(experiment: Experiment) -> None:
    top = experiment.start_logging(run_id="top", snapshot_directory=None)
    child, silent = top.child_run(run_id="child"), top.child_run(run_id="silent")
    grandchild = child.child_run(run_id="grandchild")
    for number, each in enumerate((top, child, grandchild)):
        each.log("m", number)
        each.log("other", str(number))
    everything = {each: {"m": number, "other": str(number)} for number, each in
                  enumerate(("top", "child", "grandchild"))}  # fmt: skip
    same(top.get_metrics(recursive=True), everything)
    same(top.get_metrics("m", recursive=True), {k: {"m": v["m"]} for k, v in everything.items()})
    del everything["top"]
    same(child.get_metrics(recursive=True), everything)
    assert top.get_metrics(recursive=True, run_type="none") == {"top": {"m": 0, "other": "0"}}
    assert silent.get_metrics(recursive=True) == {}
    assert top.get_metrics("nobody logs this") == {}


def test_children_log_to_their_root(experiment: Experiment) -> None:
    root = experiment.start_logging(snapshot_directory=None)
    for number in range(3):
        with root.child_run() as child:
            assert child.parent is not None
            child.parent.log("collected", number)
            child.parent.log_row("table", child=number)
    assert root.get_metrics() == {"collected": [0, 1, 2], "table": {"child": [0, 1, 2]}}


# other clients, other objects, other threads


def test_another_object_of_the_same_run_goes_on(run: Run, experiment: Experiment) -> None:
    run.log("m", 1)
    Run(experiment, run.id).log("m", 2)
    run.log("m", "three")
    Run(experiment, run.id).log_list("m", [4.0])
    same(run.get_metrics(), {"m": [1, 2, "three", 4.0]})


def test_a_run_that_has_ended_still_takes_metrics(run: Run) -> None:
    run.log("m", 1)
    run.log("text", "a")
    run.complete()
    run.log("m", 2)
    run.log("text", "b")
    same(run.get_metrics(), {"m": [1, 2], "text": ["a", "b"]})


def test_what_mlflows_client_logged_is_there_too(run: Run, store: str) -> None:
    client = mlflow.MlflowClient(store)
    run.log("shared", 1)
    client.log_metric(run.id, "shared", 2.5, timestamp=2**42)
    client.log_metric(run.id, "theirs", 1, timestamp=1, step=0)
    client.log_metric(run.id, "theirs", 2, timestamp=2, step=1)
    client.log_metric(run.id, "looks:u41:escaped", 3)
    same(
        run.get_metrics(),
        {"shared": [1, 2.5], "theirs": [1.0, 2.0], "looks:u41:escaped": 3.0},
    )
    same(run.get_metrics("theirs"), {"theirs": [1.0, 2.0]})
    same(run.get_metrics("looks:u41:escaped"), {"looks:u41:escaped": 3.0})


def test_numbers_are_points_for_mlflows_charts(run: Run, store: str) -> None:
    for loss in (0.5, 0.25):
        run.log("loss", loss)
    run.log("epochs", 3)
    run.log_list("list", [1, 2, 3])
    run.log_row("row", x=1, y="a")
    run.log_row("row", x=2, y="b")
    run.log_table("table", {"x": [5, 6, 7], "s": ["a", "b", "c"]})
    run.log("text", "a")
    run.flush()
    client = mlflow.MlflowClient(store)

    def drawn(key: str) -> list[tuple[int, float]]:
        history = client.get_metric_history(run.id, key)
        return sorted((point.step, point.value) for point in history)

    assert drawn("loss") == [(0, 0.5), (1, 0.25)]
    assert drawn("epochs") == [(0, 3.0)]
    assert drawn("list") == [(0, 1.0), (1, 2.0), (2, 3.0)]
    assert drawn("row.x") == [(0, 1.0), (1, 2.0)]
    assert drawn("table.x") == [(0, 5.0), (1, 6.0), (2, 7.0)]
    assert set(client.get_run(run.id).data.metrics) == {
        "loss",
        "epochs",
        "list",
        "row.x",
        "table.x",
    }


def test_points_are_handed_on_in_the_order_of_their_stamps(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed_on: list[int] = []
    inside = threading.Semaphore()

    def hand_on(run_id: str, points: list[Any]) -> None:
        assert inside.acquire(blocking=False), "two threads hand on at once"
        time.sleep(0)  # let another thread run, if there is one
        handed_on.append(points[0].order)
        inside.release()

    monkeypatch.setattr(run._tracker, "write_points", hand_on)

    def log() -> None:
        for _ in range(200):
            run.log("loss", 1)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(log) for _ in range(8)]:
            done.result()
    assert handed_on == list(range(1600))


def test_threads_keep_the_types_of_their_values(run: Run) -> None:
    """Values of several types from several threads, which reach the tracker in any order."""
    start = threading.Barrier(8)
    values = [number if number % 2 else float(number) for number in range(16)]

    def log(place: int) -> None:
        start.wait()
        for value in values[place * 2 : place * 2 + 2]:
            run.log("m", value)

    threads = [threading.Thread(target=log, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = run.get_metrics()["m"]
    assert sorted(map(exactly, found)) == sorted(map(exactly, values))


def test_coroutines_log_to_one_run(run: Run) -> None:
    async def train(name: str) -> None:
        for number in range(25):
            run.log(name, number)
            await asyncio.sleep(0)

    async def all_of_them() -> None:
        await asyncio.gather(*(train(f"loss {number}") for number in range(8)))

    asyncio.run(all_of_them())
    run.complete()
    assert run.get_metrics() == {f"loss {number}": list(range(25)) for number in range(8)}


def test_every_error_of_a_metric_is_v1s(run: Run) -> None:
    with pytest.raises(AzureMLException, match="'m'"):
        run.log("m", [1])


def test_a_clock_that_goes_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time_ns()
    ticks = iter(range(now, now - 10**12, -(10**9)))  # a second back at each call
    values = [0.5, 1, "text", 1, 1, 0.5, None, 2, True, 2.5] * 2
    with monkeypatch.context() as patched:
        patched.setattr(stamps.time, "time_ns", lambda: next(ticks))
        for value in values:
            run.log("m", value)
        for step in (0, 1, 2, 2, 1, 0):
            run.log("steps", float(step), step=step)
    same(run.get_metrics(), {"m": values, "steps": [0.0, 1.0, 2.0, 2.0, 1.0, 0.0]})
