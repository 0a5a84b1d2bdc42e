"""Metrics: what is logged comes back in v1's shapes, with its types."""

from __future__ import annotations

import array
import asyncio
import enum
import math
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
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
from matplotlib.figure import Figure

matplotlib.use("Agg")


def exactly(value: Any) -> Any:
    """A value in a form in which equal means the same type, sign of zero and nan too."""
    if isinstance(value, dict):
        return {key: exactly(each) for key, each in value.items()}
    if isinstance(value, list):
        return [exactly(each) for each in value]
    if type(value) is float:
        return ("float", "nan" if math.isnan(value) else struct.pack("d", value))
    return (type(value).__name__, value)


def same(found: Any, expected: Any) -> None:
    assert exactly(found) == exactly(expected)


class Text(str, enum.Enum):
    A = "a"


SCALARS = [
    0, 1, -1, 2**31, 2**53, 2**53 + 1, -(2**63), 10**30, 10**400, 0.0, -0.0, 0.1, 1.0, -2.5,
    1e308, 5e-324, 1e-7, math.nan, math.inf, -math.inf, True, False, None, "", "text", "0.1",
    "nan", "None", "line\nbreak", "🙂", "x" * 20_000, " ", "\u200b",
]  # fmt: skip
NUMPY = [
    (np.int8(-5), -5), (np.uint8(5), 5), (np.int32(5), 5), (np.int64(2**60), 2**60),
    (np.uint64(2**64 - 1), 2**64 - 1), (np.float16(0.5), 0.5), (np.float32(0.5), 0.5),
    (np.float64(0.1), 0.1), (np.longdouble(0.5), 0.5), (np.bool_(True), True),
    (np.str_("text"), "text"), (np.array(3), 3), (np.float64("nan"), math.nan),
    (np.float32("inf"), math.inf), (Text.A, "a"),
]  # fmt: skip


def test_every_scalar_logged_once(run: Run) -> None:
    values = {f"m{number}": value for number, value in enumerate(SCALARS)}
    for name, value in values.items():
        run.log(name, value)
    same(run.get_metrics(), values)
    for name, value in values.items():
        same(run.get_metrics(name), {name: value})


def test_every_scalar_in_one_series(run: Run) -> None:
    for value in SCALARS:
        run.log("mixed", value)
    same(run.get_metrics(), {"mixed": SCALARS})


def test_every_numpy_scalar(run: Run) -> None:
    for value, _ in NUMPY:
        run.log("series", value)
        run.log(name="once", value=value)
    run.log_list("list", [value for value, _ in NUMPY])
    run.log_row("row", **{f"c{place}": value for place, (value, _) in enumerate(NUMPY)})
    plain = [value for _, value in NUMPY]
    found = run.get_metrics()
    same(found["series"], plain)
    same(found["list"], plain)
    same(found["row"], {f"c{place}": value for place, value in enumerate(plain)})


class Raising:
    """Fails whatever is asked of it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("no member")

    def __repr__(self) -> str:
        raise ValueError("no text")


class Tensor:
    """A value as torch has it."""

    def __init__(self, value: Any, shape: tuple[int, ...] = ()) -> None:
        self.value, self.shape = value, shape

    def item(self) -> Any:
        if isinstance(self.value, Exception):
            raise self.value
        return self.value

    def __repr__(self) -> str:
        return "a tensor"


OBJECTS = [
    {"max_depth": 3}, {}, (50, 50), (), {1}, frozenset({1}), Path("a/b"), Decimal("0.1"),
    Fraction(1, 3), date(2020, 1, 2), timedelta(1), b"bytes", bytearray(b"b"), 1j, int, np.float64,
    len, object(), np.arange(3), np.zeros((2, 2)), np.zeros(1), np.datetime64("2020-01-01"),
    np.array({"a": 1}), np.complex64(1), np, {1: 2}.keys(), map(str, ()), Exception("why"),
    {"of": [{"many": "levels"}]}, "x" * 3, {"huge": "x" * 2_000_000}, Tensor(1, (1,)), Tensor([1]),
    Tensor(RuntimeError("meta")), NotImplemented, ..., array.array("d", [1.0]), deque([1]),
]  # fmt: skip


def test_any_object_is_logged_as_its_text(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    for place, value in enumerate(OBJECTS):
        run.log(f"m{place}", value)
        run.log("series", value)
    expected = [value if isinstance(value, str) else repr(value) for value in OBJECTS]
    same(run.get_metrics("series"), {"series": expected})
    same(run.get_metrics(), {f"m{at}": text for at, text in enumerate(expected)}
         | {"series": expected})  # fmt: skip
    warnings = [each.getMessage() for each in caplog.records if each.name == "amlflow"]
    assert len(warnings) == 2 * (len(OBJECTS) - 1)
    assert "'m0'" in warnings[0]
    assert "type dict" in warnings[0]
    assert "{'max_depth': 3}" in warnings[0]
    assert max(map(len, warnings)) < 400


def test_what_has_no_text_is_logged_all_the_same(run: Run) -> None:
    class Half:
        def __repr__(self) -> str:
            return "half \ud800"

    run.log("raises", Raising())
    run.log("no text", type("NoText", (), {"__repr__": lambda self: 5})())
    run.log("half", Half())
    found = run.get_metrics()
    assert "Raising" in found["raises"]
    assert "ValueError" in found["raises"]
    assert "NoText" in found["no text"]
    assert found["half"] == "half \\ud800"


def test_a_single_value_of_another_library_stays_a_number(run: Run) -> None:
    for value in (0.5, 3, True, "text"):
        run.log("m", Tensor(value))
    same(run.get_metrics(), {"m": [0.5, 3, True, "text"]})


def test_child_runs_log_any_object_too(run: Run) -> None:
    with run.child_run() as child:
        child.log("sizes", (50, 50))
    assert child.get_metrics() == {"sizes": "(50, 50)"}


def test_a_dict_as_a_list_is_its_keys(run: Run) -> None:
    run.log_list("m", {"a": 1, "b": 2})
    assert run.get_metrics() == {"m": ["a", "b"]}


@pytest.mark.parametrize(
    "series",
    [
        [1, 2, 3], [1.0, 2.0, 3.0], [1, 2.0, 3], [True, False], [True, 1, 1.0], [1.0, 1, True, 1.0],
        [0.5, 0.5, 0.5], ["a", "b"], [1, "a", None], [math.nan, 1.0], [0.0, -0.0, 0],
    ],
    ids=str,
)  # fmt: skip
def test_types_change_within_a_series(run: Run, series: list[Any]) -> None:
    for value in series:
        run.log("series", value)
    same(run.get_metrics("series"), {"series": series})


def test_steps_order_charts_and_not_the_values(run: Run, store: str) -> None:
    for step, value in ((10, 0.1), (20, 0.2), (5, 0.3), (np.int64(30), 0.4), (30.0, 0.5)):
        run.log("loss", value, step=step)
    run.log("loss", 0.6, "a description")
    same(run.get_metrics(), {"loss": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]})
    history = mlflow.MlflowClient(store).get_metric_history(run.id, "loss")
    assert sorted((point.step, point.value) for point in history) == [
        (5, 0.3), (5, 0.6), (10, 0.1), (20, 0.2), (30, 0.4), (30, 0.5),
    ]  # fmt: skip


@pytest.mark.parametrize("step", ["1", 1.5, [1], "x"])
def test_a_step_is_a_whole_number(run: Run, step: Any) -> None:
    with pytest.raises(UserErrorException, match="step of 'loss'"):
        run.log("loss", 1, step=step)
    assert run.get_metrics() == {}


def test_the_same_value_again_and_again(run: Run) -> None:
    for _ in range(50):
        run.log("same", 1)
        run.log("text", "t")
    same(run.get_metrics(), {"same": [1] * 50, "text": ["t"] * 50})


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
        time.sleep(0)  # to another thread, if one may come in
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
