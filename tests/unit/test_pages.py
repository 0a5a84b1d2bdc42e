"""Reading a page of runs reads only few runs, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, cast

import pytest
from amlflow.query import listing
from amlflow.query.expression import Expression
from amlflow.query.listing import list_page
from amlflow.query.pages import (
    ALIKE,
    Page,
    is_filter,
    read_in_order,
    read_page,
    read_parts,
    read_sorted,
)
from amlflow.query.search import Scope
from amlflow.spec import (
    Condition,
    Feature,
    Op,
    Order,
    RunChange,
    RunDraft,
    RunQuery,
    RunRecord,
    Status,
)
from amlflow.testing.memory import MemoryTracker

RUNS = 1500
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Counted(MemoryTracker):
    """Counts the runs that are read of its searches."""

    read = searches = 0

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        self.searches += 1
        for record in super().find_runs(query):
            self.read += 1
            yield record


@pytest.fixture(scope="module")
def many() -> Scope:
    return scope_of(RUNS)


def scope_of(count: int) -> Scope:
    """Return a tracker with as many runs, three of which were created at a time."""
    tracker = Counted("memory:")
    experiment = tracker.ensure_experiment("many")
    tracker.create_runs(
        [
            RunDraft(
                experiment_id=experiment.id,
                name=f"run {place:04}",
                status=Status.COMPLETED,
                created=START + timedelta(milliseconds=place // 3),
                tags={"rare": "yes"} if place % 500 == 0 else {},
                properties={"place": str(place)},
            )
            for place in range(count)
        ]
    )
    return Scope(tracker, {experiment.id: experiment.name})


@pytest.fixture
def tracker(many: Scope) -> Counted:
    assert isinstance(many.tracker, Counted)
    many.tracker.read = many.tracker.searches = 0
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


def test_what_is_seldom_found_is_given_back_in_parts() -> None:
    few = scope_of(
        300
    )  # each page looks at one run at least, and there are no more pages than runs
    rare = Expression("[?contains(name || '', '0001')]")
    first = read_page(few, rare, everything, 5, seconds=0)
    assert first.runs == []
    assert first.cursor is not None
    assert first.looked_at < 300 / 2
    found, cursor = list(first.runs), first.cursor
    while cursor is not None:
        page = read_page(few, rare, everything, 5, cursor, seconds=0)
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


BY_NAME = Order("name", descending=True)


def pages_by_name(scope: Scope, cursor: str | None, tracker: Counted) -> Page:
    tracker.read = 0
    page = read_in_order(scope, None, everything, 5, BY_NAME, cursor)
    assert page is not None
    return page


def test_pages_in_the_trackers_order_read_no_more_than_they_show(
    many: Scope, tracker: Counted
) -> None:
    shown: list[str | None] = []
    cursor = None
    for number in range(4):
        page = pages_by_name(many, cursor, tracker)
        # One more, to know whether there is another page, and the last one of the page before.
        assert tracker.read == page.looked_at == (7 if number else 6)
        shown, cursor = shown + names(page.runs), page.cursor
    assert shown == [f"run {RUNS - place:04}" for place in range(1, 21)]
    either = Expression("[?name=='run 0007' || name=='run 0001']")
    assert read_in_order(many, either, everything, 5, BY_NAME) is None  # it takes two searches
    tracker.features = tracker.features - {Feature.ORDER}
    assert read_in_order(many, None, everything, 5, BY_NAME) is None
    del tracker.features


def test_pages_go_on_if_the_last_run_has_changed(many: Scope, tracker: Counted) -> None:
    first = pages_by_name(many, None, tracker)
    last = first.runs[-1]
    assert last.name is not None
    tracker.update_run(last.id, RunChange(name="zzz"))
    try:
        second = pages_by_name(many, first.cursor, tracker)
    finally:
        tracker.update_run(last.id, RunChange(name=last.name))
    # The run has moved to the top, so that five runs are before the page, as the first page said.
    assert names(second.runs) == [f"run {RUNS - place:04}" for place in range(6, 11)]


def test_pages_of_a_tracker_without_places(many: Scope, tracker: Counted) -> None:
    class Whole:
        features = tracker.features

        def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
            return tracker.find_runs(replace(query, place=None))

    whole = replace(many, tracker=cast(Any, Whole()))
    shown: list[str | None] = []
    cursor = None
    for _ in range(3):
        page = pages_by_name(whole, cursor, tracker)
        shown, cursor = shown + names(page.runs), page.cursor
    assert shown == [f"run {RUNS - place:04}" for place in range(1, 16)]


def test_parts_that_are_in_order_are_read_one_after_the_other(many: Scope) -> None:
    def part(name: str) -> Scope:
        return replace(many, conditions=[Condition("name", Op.STARTS_WITH, name)])

    parts = [part("run 1"), part("none"), part("run 00")]
    found: list[str | None] = []
    cursor = None
    while len(found) < RUNS:
        page = read_parts(parts, None, everything, 300, cursor)
        found, cursor = found + names(page.runs), page.cursor
        if cursor is None:
            break
    whole = [names(read_page(each, None, everything, RUNS).runs) for each in parts]
    assert found == whole[0] + whole[2]
    assert len(found) == 600


def test_statuses_that_no_run_has_are_not_searched_one_by_one(
    many: Scope, tracker: Counted
) -> None:
    page = list_page(many, None, everything, 5, "-status")
    assert len(page.runs) == 5
    assert tracker.searches == 3  # for runs that go on, that have failed, and that are completed
    running = replace(many, conditions=[Condition("name", Op.EQ, "run 0007")])
    [run] = list_page(running, None, everything, 5, "status").runs
    tracker.update_run(run.id, RunChange(status=Status.RUNNING))
    try:
        before = tracker.searches
        assert list_page(running, None, everything, 5, "status").runs[0].status == "Running"
        assert tracker.searches == before + 5  # for open runs, those that run, and three ends
    finally:
        tracker.update_run(run.id, RunChange(status=Status.COMPLETED))


def test_all_statuses_are_searched_if_many_runs_have_not_ended(
    many: Scope, tracker: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MAX_OPEN", 1)
    first, second = list_page(many, None, everything, 2, "created").runs
    try:
        for run in (first, second):
            tracker.update_run(run.id, RunChange(status=Status.RUNNING))
        tracker.update_run(second.id, RunChange(status=Status.FINALIZING))
        found = list_page(many, None, everything, 2000, "-status").runs
        assert [run.status for run in found[:3]] == ["Running", "Finalizing", "Completed"]
        assert len(found) == RUNS
    finally:
        for run in (first, second):
            tracker.update_run(run.id, RunChange(status=Status.COMPLETED))


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


@pytest.mark.parametrize(
    "place",
    [
        "", "[]", "{}", "null", '["a", 1]', '[1, 1, "id"]', '["a", 1.5, "id"]', '["a", true, "id"]',
        '["a", 1, ""]', '["a", 1, 5]', f'["a", 1, "{"i" * 300}"]', "[" * 5000,
    ],
)  # fmt: skip
def test_another_place_is_refused(many: Scope, place: str) -> None:
    with pytest.raises(ValueError, match="is not the cursor of a page"):
        read_in_order(many, None, everything, 5, BY_NAME, f"1.5@{place}")


@pytest.mark.parametrize("value", ['"a"', "5", "true", "[]"])
def test_a_place_of_another_order_is_refused(many: Scope, value: str) -> None:
    cursor = f'1.5@[{value}, 1, "id"]'
    with pytest.raises(ValueError, match="is not the cursor of a page"):
        read_in_order(many, None, everything, 5, Order("metrics", "loss"), cursor)


@pytest.mark.parametrize("cursor", ["", "1", "@", "a@", "-1@"])
def test_another_part_is_refused(many: Scope, cursor: str) -> None:
    with pytest.raises(ValueError, match="is not the cursor of a page"):
        read_parts([many], None, everything, 5, cursor)
