"""Which tests of the contract's suites are left out."""

from __future__ import annotations

from typing import Any, cast

import pytest
from amlflow.testing.plugin import pytest_collection_modifyitems


class Item:
    """A collected test, which counts how often it is looked at."""

    cls = None

    def __init__(self, *, is_thorough: bool) -> None:
        self.is_thorough, self.looks = is_thorough, 0

    def get_closest_marker(self, name: str) -> object:
        self.looks += 1
        return name if self.is_thorough else None

    def __hash__(self) -> int:
        self.looks += 1
        return id(self)


class Config:
    """A session with ``--quick``, which notes what is left out."""

    def __init__(self) -> None:
        self.left_out: list[Item] = []
        self.hook = self

    def getoption(self, name: str) -> bool:
        return name == "--quick"

    def pytest_deselected(self, items: list[Item]) -> None:
        self.left_out += items


def test_quick_leaves_out_thorough_tests_in_a_time_that_grows_with_their_number() -> None:
    items = [Item(is_thorough=number % 3 == 0) for number in range(300)]
    kept, config = list(items), Config()
    pytest_collection_modifyitems(cast(pytest.Config, config), cast(list[Any], kept))
    assert kept == [item for item in items if not item.is_thorough]
    assert config.left_out == [item for item in items if item.is_thorough]
    assert max(item.looks for item in items) <= 3
