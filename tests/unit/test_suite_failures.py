"""The report of a failed test of the contract's suites."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from amlflow.spec import RunRecord
from amlflow.testing.failures import (
    BrokenSentence,
    broken_sentences,
    comments_of,
    explain_difference,
)

CREATED = datetime(2026, 1, 2, tzinfo=timezone.utc)


def make_run(**values: Any) -> RunRecord:
    fields = {"id": "a", "experiment_id": "1", "status": "Running", "created": CREATED}
    return RunRecord(**{**fields, **values})


@pytest.mark.parametrize(
    ("actual", "expected", "lines"),
    [
        (
            make_run(tags={"a": "1", "b": "x"}),
            make_run(tags={"a": "1", "b": "X"}),
            [".tags['b'] is not as expected", "actual:   'x'", "expected: 'X'"],
        ),
        (
            [make_run(), make_run(name="n")],
            [make_run(), make_run(name=None)],
            ["[1].name is not as expected", "actual:   'n'", "expected: None"],
        ),
        (
            {"a": [1, 2]},
            {"a": [1, 2, 3]},
            ["['a'][2] is not as expected", "actual:   absent", "expected: 3"],
        ),
        (
            ["a" * 300 + "\u00e9"],
            ["a" * 300 + "e\u0301"],
            [
                "[0] is not as expected",
                f"actual:   '{'a' * 20}\\xe9' from character 280 of 301",
                f"expected: '{'a' * 20}e\\u0301' from character 280 of 302",
            ],
        ),
        ({"a"}, {"a", "b"}, ["{…} is not as expected", "actual:   absent", "expected: 'b'"]),
    ],
)
def test_only_the_smallest_difference_is_shown(
    actual: object, expected: object, lines: list[str]
) -> None:
    assert explain_difference(actual, expected) == lines


def test_single_values_are_left_to_pytest() -> None:
    assert explain_difference("a", "b") is None
    assert explain_difference(1, 2) is None


def quotes(values: list[int]) -> None:
    """
    one: The first is 1.
    two: The second is 2,
        and nothing else.
    three: All are there.
    """
    # three: All
    assert len(values) == 3
    # one: The first
    assert values[0] == 1
    for value in values[1:2]:
        # two: The second
        assert value == 2

    def judge() -> None:
        assert values[2] == 3

    # An ordinary comment does not count.
    judge()


def quotes_without_comments(values: list[int]) -> None:
    """
    one: The first is 1.
    two: The second is 2.
    """
    assert values == [1, 2]


@pytest.mark.parametrize(
    ("function", "values", "sentences"),
    [
        (quotes, [], ["three: All are there."]),
        (quotes, [0, 2, 3], ["one: The first is 1."]),
        (quotes, [1, 0, 3], ["two: The second is 2, and nothing else."]),
        (quotes, [1, 2, 0], ["one: The first is 1."]),
        (quotes_without_comments, [0], ["one: The first is 1.", "two: The second is 2."]),
    ],
)
def test_the_sentence_above_the_failed_line_is_named(
    function: Callable[[list[int]], None], values: list[int], sentences: list[str]
) -> None:
    with pytest.raises(AssertionError) as caught:
        function(values)
    assert broken_sentences(function, caught.value.__traceback__) == sentences


def test_the_comments_of_a_function() -> None:
    assert comments_of(quotes) == ["three: All", "one: The first", "two: The second"]


def test_a_test_may_find_out_itself_which_sentence_is_broken() -> None:
    def function() -> None:
        """
        page: The first.
        page: The second.
        """

    error = BrokenSentence("page: The second", "one of many")
    assert broken_sentences(function, None, error) == ["page: The second."]
    assert broken_sentences(function, None, ValueError()) == [
        "page: The first.",
        "page: The second.",
    ]
