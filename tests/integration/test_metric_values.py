"""Values of metrics: objects of any type are logged, and come back with their type."""

from __future__ import annotations

import array
import enum
import math
from collections import deque
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
from amlflow.core.runs.run import Run
from amlflow.exceptions import UserErrorException
from helpers.exact_values import SCALARS, same


class Text(str, enum.Enum):
    A = "a"


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
