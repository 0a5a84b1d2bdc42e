"""How many searches in MLflow are needed to find runs."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from amlflow.exceptions import AuthenticationException
from amlflow.spec import Condition, Op, Order, RunNotFound, RunQuery
from amlflow_mlflow.aliases import Lookup
from amlflow_mlflow.entities import Page, Run, RunData, RunInfo
from amlflow_mlflow.page_tokens import to_offset, to_token
from amlflow_mlflow.paged_search import PagedSearch
from amlflow_mlflow.run_pages import RunPages

ROOTS = Condition("parent_id", Op.LACKS)
PARENT = "mlflow.parentRunId"


class Searches:
    """A store with runs, newest first; the filter is a text that says whether children count."""

    filters_null = True

    def __init__(self, runs: list[Run]) -> None:
        self.runs, self.searches = runs, list[tuple[str, int]]()

    def search_runs(
        self, ids: Any, condition: str, *, size: int, token: str | None = None, **_: Any
    ) -> Page[Run]:
        self.searches.append((condition, size))
        runs = [run for run in self.runs if "NULL" not in condition or PARENT not in run.data.tags]
        if "<=" in condition:
            until = int(condition.rpartition("<= ")[2])
            runs = [run for run in runs if run.info.start_time <= until]
        start = to_offset(token) if token else 0
        more = len(runs) > start + size
        return Page(runs[start : start + size], to_token(start + size) if more else None)


def run(number: int, is_child: bool) -> Run:
    tags = {PARENT: "root"} if is_child else {}
    info = RunInfo(f"{number:032x}", "1", "FINISHED", number, None, "", "active", None, None)
    return Run(info, RunData(tags, {}, {}))


def find(store: Any, limit: int, order: Order | None = None) -> list[int]:
    query = RunQuery(experiment_ids=["1"], conditions=[ROOTS], limit=limit, order=order)
    pages: Any = RunPages(store, lambda _: pytest.fail("not asked for"), lambda: iter(()))
    found = itertools.islice(PagedSearch(store, pages, Lookup(store)).find(query), limit or None)
    return [int(record.id, 16) for record in found]


def test_few_roots_are_found_among_the_newest_runs() -> None:
    store = Searches([run(number, number % 10 == 0) for number in range(1000, 0, -1)])
    assert find(store, 5) == [999, 998, 997, 996, 995]
    assert store.searches == [("", 10)]


@pytest.mark.parametrize("order", [None, Order("name")])
def test_roots_below_many_children_are_found_by_the_filter(order: Order | None) -> None:
    runs = [run(number, number % 50 != 0) for number in range(1000, 0, -1)]
    store = Searches(runs)
    assert find(store, 5, order) == [1000, 950, 900, 850, 800]
    assert [("NULL" in condition) for condition, _ in store.searches] == [False, True]


def test_runs_that_are_created_meanwhile_are_left_out() -> None:
    store = Searches([run(number, number % 50 != 0) for number in range(1000, 0, -1)])
    pages: Any = RunPages(store, lambda _: pytest.fail("not asked for"), lambda: iter(()))
    query = RunQuery(experiment_ids=["1"], conditions=[ROOTS], limit=3)
    records = PagedSearch(store, pages, Lookup(store)).find(query)
    first = next(records)
    store.runs.insert(0, run(1050, False))
    ids = [first.id, *(record.id for record in itertools.islice(records, 2))]
    assert ids == [f"{number:032x}" for number in (1000, 950, 900)]


def test_all_roots_are_found_by_the_filter() -> None:
    store = Searches([run(number, number % 2 == 0) for number in range(10, 0, -1)])
    assert find(store, 0) == [9, 7, 5, 3, 1]
    assert [("NULL" in condition) for condition, _ in store.searches] == [True]


def test_who_reads_only_the_first_of_all_runs_waits_for_a_short_page() -> None:
    store = Searches([run(number, False) for number in range(7000, 0, -1)])
    pages: Any = RunPages(store, lambda _: pytest.fail("not asked for"), lambda: iter(()))
    records = PagedSearch(store, pages, Lookup(store)).find(RunQuery(experiment_ids=["1"]))
    assert next(records).id == f"{7000:032x}"
    assert [size for _, size in store.searches] == [100]
    assert len(list(records)) == 6999
    assert [size for _, size in store.searches] == [100, 1000, 5000, 5000]


def test_that_a_run_may_not_be_read_is_asked_again() -> None:
    """Somebody else's run is there. But the reason may be a token that has expired."""
    answers = [AuthenticationException("HTTP 401"), RunNotFound("x", "there")]

    class Refusing:
        def get_run(self, run_id: str) -> Run:
            raise answers.pop(0)

    store: Any = Refusing()
    lookup = Lookup(store)
    assert [list(lookup.exist(["x"])) for _ in range(3)] == [["x"], [], []]
