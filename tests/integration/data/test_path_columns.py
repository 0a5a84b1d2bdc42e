"""The values in the paths of files."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from amlflow.data.errors import DatasetExecutionError
from amlflow.data.path_columns import parse_partition
from amlflow.data.storage import DataFile


def parse(pattern: str, path: str) -> dict[str, Any]:
    return parse_partition(pattern, DataFile(fs=None, path=path, name=path, address=path))


@pytest.mark.parametrize(
    ("pattern", "path", "values"),
    [
        ("/{a}/{b}.csv", "in/x/y.csv", {"a": "x", "b": "y"}),
        ("/{a}-{b}.csv", "in/x-y-z.csv", {"a": "x-y", "b": "z"}),
        ("{a}/b.csv", "in/x/b.csv", {"a": "x"}),
        ("/{a}/{day:yyyy/MM}/x", "a/2024/05/x", {"a": "a", "day": datetime(2024, 5, 1)}),
        ("/{day:yyyy-MM-dd}_{a}", "2024-05-06_b", {"day": datetime(2024, 5, 6), "a": "b"}),
        ("/x", "a/x", {}),
        ("x{a}x", "xxxx", {"a": "xx"}),
        ("/{a}/*.csv", "in/x/y.csv", {"a": "x"}),
        ("/*-{a}/*", "in/x-y/z.csv", {"a": "y"}),
        ("/{a}/{a}/x", "in/b/c/x", {"a": "b"}),
        ("/{year}/{month}/", "in/2024/05/x.csv", {"year": "2024", "month": "05"}),
    ],
)
def test_names_take_as_much_of_the_path_as_they_can(
    pattern: str, path: str, values: dict[str, Any]
) -> None:
    assert parse(pattern, path) == values


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/{a}/x.csv", "a/y.csv"),
        ("/in/{a}", "in/b/c/x.csv"),
        ("*/{a}/y.csv", "in/x.csv"),
        ("/{day:yyyyyyyy}", "20202020"),
        ("/{day:yyyyMMMM}", "20200101"),
        ("/{day:yyyy%Y}", "2020%Y"),
        ("/{day:%}", "%"),
        ("/{day:MM}", "13"),
    ],
)
def test_a_path_of_another_form_is_named(pattern: str, path: str) -> None:
    """A registered data set may have any pattern. No error of Python's own comes of it."""
    with pytest.raises(DatasetExecutionError, match="partition_format"):
        parse(pattern, path)


def test_many_names_do_not_try_every_way_to_divide_a_path() -> None:
    """As one regular expression, this would take years."""
    pattern = "/" + "a".join(f"{{name{number}}}" for number in range(30)) + "/end"
    with pytest.raises(DatasetExecutionError, match="partition_format"):
        parse(pattern, "a" * 100 + "/other")
