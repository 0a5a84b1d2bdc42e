"""NaN and infinities are stored as JSON that every parser reads. Older, bare ones are read, too."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from amlflow.point_values import from_plain, to_plain
from amlflow.tracker_data import to_metrics_json

VALUES = [
    ("scalar", math.inf),
    ("scalar", -math.inf),
    ("scalar", math.nan),
    ("scalar", "NaN"),
    ("scalar", None),
    ("list", [1, math.nan, "Infinity", -math.inf, True, None]),
    ("row", {"float": math.nan, "text": "NaN", "none": None}),
    ("row", {"float": "NaN"}),
    ("table", {"float": [math.inf, 1.5], "text": ["NaN", ""]}),
]


def refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is not JSON")


@pytest.mark.parametrize(("kind", "value"), VALUES)
def test_a_value_comes_back_from_json_that_every_parser_reads(kind: str, value: Any) -> None:
    text = json.dumps(to_plain(kind, value), allow_nan=False)
    json.loads(text, parse_constant=refuse)
    assert repr(from_plain(kind, to_metrics_json(text))) == repr(value)


@pytest.mark.parametrize(("kind", "value"), VALUES)
def test_what_the_first_release_wrote_bare_comes_back(kind: str, value: Any) -> None:
    text = json.dumps(value)
    assert repr(from_plain(kind, to_metrics_json(text))) == repr(value)


@pytest.mark.parametrize("cell", [{"float": "1"}, {"float": 1}, {"float": "NaN", "more": 1}, {}])
def test_another_object_is_not_taken_for_a_number(cell: Any) -> None:
    assert from_plain("scalar", cell) == cell
