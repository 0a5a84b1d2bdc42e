"""Reading a page of runs reads only few runs, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from amlflow.query.expression import Expression
from amlflow.query.pages import ALIKE, is_filter, read_in_order, read_page, read_sorted
from amlflow.query.search import Scope
from amlflow.spec import Condition, Feature, Op, Order, RunDraft, RunQuery, RunRecord, Status
from amlflow.testing.memory import MemoryTracker

RUNS = 1500
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Counted(MemoryTracker):
    """Counts the runs that are read of its searches."""

    read = 0

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        for record in super().find_runs(query):
            self.read += 1
            yield record


@pytest.fixture(scope="module")
def many() -> Scope:
    tracker = Counted("memory:")
    experiment = tracker.ensure_experiment("many")
    tracker.create_runs(
        [
            RunDraft(
                experiment_id=experiment.id,
                name=f"run {place:04}",
                status=Status.COMPLETED,
                created=START + timedelta(milliseconds=place // 3),  # three at a time
                tags={"rare": "yes"} if place % 500 == 0 else {},
                properties={"place": str(place)},
            )
            for place in range(RUNS)
        ]
    )
    return Scope(tracker, {experiment.id: experiment.name})


@pytest.fixture
def tracker(many: Scope) -> Counted:
    assert isinstance(many.tracker, Counted)
    many.tracker.read = 0
    return many.tracker


def everything(record: RunRecord) -> bool:
    return True


def names(runs: list[RunRecord]) -> list[str | None]:
    return [run.name for run in runs]


def test_a_page_costs_a_page_however_far_down_it_is(many: Scope, tracker: Counted) -> None:
    cursor = None
    seen: list[str] = []
    for number in range(20):
        tracker.read = 0
        page = read_page(many, None, everything, 50, cursor)
        assert tracker.read <= 51 + (ALIKE if number else 0)
        seen += [run.id for run in page.runs]
        cursor = page.cursor
    assert len(set(seen)) == len(seen) == 1000


def test_the_last_page_knows_that_it_is_the_last(many: Scope) -> None:
    page = read_page(many, Expression("[?tags.rare]"), everything, 3)
    assert len(page.runs) == 3
    assert page.cursor is None
    assert read_page(many, Expression("[?tags.rare]"), everything, 2).cursor is not None


def test_what_is_seldom_found_is_given_back_in_parts(many: Scope) -> None:
    rare = Expression("[?contains(name || '', '0001')]")
    first = read_page(many, rare, everything, 5, seconds=0)
    assert first.runs == []
    assert first.cursor is not None
    assert first.looked_at < RUNS / 2
    found, cursor = list(first.runs), first.cursor
    while cursor is not None:
        page = read_page(many, rare, everything, 5, cursor, seconds=0)
        found, cursor = [*found, *page.runs], page.cursor
    assert names(found) == ["run 0001"]


def test_sorted_pages_are_those_of_the_sorted_list(many: Scope) -> None:
    def last_digit(record: RunRecord) -> str | None:
        digit = str(record.name)[-1]
        return None if digit == "7" else digit

    def paged(descending: bool) -> list[str | None]:
        found: list[str | None] = []
        cursor = None
        while True:
            page = read_sorted(many, None, everything, 700, last_digit, descending, cursor)
            found += names(page.runs)
            cursor = page.cursor
            if cursor is None:
                return found

    newest_first = names(read_page(many, None, everything, RUNS).runs)
    absent = [name for name in newest_first if str(name)[-1] == "7"]
    present = [name for name in newest_first if str(name)[-1] != "7"]
    assert paged(False) == [*sorted(present, key=lambda name: str(name)[-1]), *absent]
    backwards = sorted(present, key=lambda name: str(name)[-1], reverse=True)
    assert paged(True) == [*backwards, *absent]


def test_pages_in_the_trackers_order_read_no_more_than_they_show(
    many: Scope, tracker: Counted
) -> None:
    by_name = Order("name", descending=True)
    shown: list[str | None] = []
    cursor = None
    for number in range(1, 4):
        tracker.read = 0
        page = read_in_order([many], None, everything, 5, by_name, cursor)
        assert page is not None
        assert tracker.read == number * 5 + 1
        shown, cursor = shown + names(page.runs), page.cursor
    assert shown == [f"run {RUNS - place:04}" for place in range(1, 16)]
    either = Expression("[?name=='run 0007' || name=='run 0001']")
    assert read_in_order([many], either, everything, 5, by_name) is None  # it takes two searches
    tracker.features = tracker.features - {Feature.ORDER}
    assert read_in_order([many], None, everything, 5, by_name) is None
    del tracker.features


def test_parts_that_are_in_order_are_read_one_after_the_other(many: Scope) -> None:
    def part(name: str) -> Scope:
        return replace(many, conditions=[Condition("name", Op.STARTS_WITH, name)])

    parts = [part("run 1"), part("none"), part("run 00")]
    found: list[str | None] = []
    cursor = None
    while len(found) < RUNS:
        page = read_in_order(parts, None, everything, 300, cursor=cursor)
        assert page is not None
        found, cursor = found + names(page.runs), page.cursor
        if cursor is None:
            break
    whole = [names(read_page(each, None, everything, RUNS).runs) for each in parts]
    assert found == whole[0] + whole[2]
    assert len(found) == 600


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[?tags.a]", True), ("[?tags.a && name=='b']", True), ("[?tags.a].name", False),
        ("[0]", False), ("length(@)", False), ("[?a] | [?b]", False), ("tags[?a]", False),
    ],
)  # fmt: skip
def test_a_filter_is_told_from_other_expressions(text: str, expected: bool) -> None:
    assert is_filter(Expression(text)) is expected


@pytest.mark.parametrize("cursor", ["", "1", "a.b", "1."])
def test_another_cursor_is_refused(many: Scope, cursor: str) -> None:
    with pytest.raises(ValueError, match=r"cursor|invalid literal"):
        read_page(many, None, everything, 5, cursor)
