"""Reads runs page by page, for lists of any length.

A page reads as few runs as the tracker's search allows. If few of the runs that are read belong on
the page, it is returned after some time without being full, with a cursor for the next page.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from amlflow.metric_numbers import ORDERS, is_metric, value_of
from amlflow.query.cursors import (
    parse_offset,
    parse_part,
    parse_place,
    parse_position,
    sort_key,
    spell_offset,
    spell_part,
    spell_place,
    spell_position,
)
from amlflow.query.document import record_fields
from amlflow.query.evaluation import ERRORS, reason_of
from amlflow.query.expression import Expression, QueryFailed
from amlflow.query.run_filter import RunFilter
from amlflow.query.search import Scope, Search
from amlflow.query.shapes import RUN, metrics_in, use_of
from amlflow.query.supersets import EVERY, Superset
from amlflow.spec import (
    Condition,
    Feature,
    Op,
    Order,
    Place,
    RunQuery,
    RunRecord,
)
from amlflow.times import from_microseconds

Keep = Callable[[RunRecord], bool]
"""Says whether a run that the tracker's search has found belongs on the page."""

MANY = 900
"""How many runs are read at once, if those of a page's size were not enough."""
ALIKE = 50
"""How many more runs are read, since runs of the same millisecond as the last one come again."""
TIME_LIMIT_S = 0.7
"""The seconds after which a page is returned even if it is not full."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some runs, and the cursor of the next page: None at the end.

    ``looked_at`` is how many runs were read for this page.
    """

    runs: list[RunRecord]
    cursor: str | None
    looked_at: int


def is_filter(expression: Expression) -> bool:
    """Whether the expression only chooses runs: ``[?…]``."""
    tree = expression.tree
    return tree["type"] == "filter_projection" and all(
        child["type"] == "identity" for child in tree["children"][:2]
    )


def metric_fields_of(expression: Expression) -> frozenset[str]:
    """Return the fields of metrics that a filter uses, with their keys if these are known."""
    entries = use_of(expression.tree["children"][2], RUN).entries
    if entries is None:
        return metrics_in(expression.tree)
    return frozenset(filter(is_metric, record_fields(entries)))


def read_page(
    scope: Scope,
    expression: Expression | None,
    keep: Keep,
    size: int,
    cursor: str | None = None,
    seconds: float = TIME_LIMIT_S,
) -> Page:
    """Read the runs after a cursor that a filter and ``keep`` choose, at most ``size`` of them.

    They are ordered newest first.

    Raises:
        QueryFailed: jmespath cannot evaluate the filter on one of the runs.
        ValueError: the cursor is not the cursor of a page.
    """
    position = None if cursor is None else parse_position(cursor)
    run_filter = _Filter(scope, expression, keep)
    runs: list[RunRecord] = []
    looked_at = 0
    deadline = time.monotonic() + seconds
    # One more run than a page has, to know whether there is another page.
    at_once = size + 1
    while True:
        count = 0
        for record in run_filter.candidates(position, at_once):
            count += 1
            if run_filter.takes(record):
                if len(runs) == size:
                    return Page(runs, spell_position(sort_key(runs[-1])), looked_at + count)
                runs.append(record)
            position = sort_key(record)
        looked_at += count
        if count < at_once:
            return Page(runs, None, looked_at)
        if position is not None and time.monotonic() > deadline:
            return Page(runs, spell_position(position), looked_at)
        at_once = MANY


def read_sorted(
    scope: Scope,
    expression: Expression | None,
    keep: Keep,
    size: int,
    order: Callable[[RunRecord], Any],
    descending: bool = False,
    cursor: str | None = None,
) -> Page:
    """Read a page as :func:`read_page` does, but in another order. All matching runs are read.

    ``order`` returns the value by which runs are compared. Runs with None always come last. Of runs
    with equal values, the newest is first.
    """
    latest, start = parse_offset(cursor)
    run_filter = _Filter(_limit_created(scope, latest), expression, keep)
    without_value: list[RunRecord] = []
    looked_at = 0

    def read_values() -> Iterator[tuple[Any, int, RunRecord]]:
        nonlocal looked_at
        for record in run_filter.candidates(None, 0):
            looked_at += 1
            if run_filter.takes(record):
                value = order(record)
                if value is None:
                    if len(without_value) <= start + size:
                        without_value.append(record)
                else:
                    yield value, (looked_at if not descending else -looked_at), record

    select = heapq.nlargest if descending else heapq.nsmallest
    triples = select(start + size + 1, read_values(), key=lambda triple: triple[:2])
    runs = [*(record for _, _, record in triples), *without_value][start : start + size + 1]
    has_more = len(runs) > size
    return Page(runs[:size], spell_offset(latest, start + size) if has_more else None, looked_at)


def read_in_order(
    scope: Scope,
    expression: Expression | None,
    keep: Keep,
    size: int,
    order: Order,
    cursor: str | None = None,
) -> Page | None:
    """Read a page as :func:`read_sorted` does, but let the tracker sort.

    Returns None if the tracker cannot sort in this order. The cursor says how many runs came before
    the page, and the place of the last one, so that the tracker can begin there.
    """
    latest, start, place = parse_place(cursor, order)
    run_filter = _Filter(_limit_created(scope, latest), expression, keep)
    if not run_filter.may_order(order):
        return None
    found = run_filter.find_after(order, size + 1, place)
    if found is None:  # that run has gone or has changed: count the runs before the page
        found = run_filter.find_in_order(order, start + size + 1)
        found = itertools.islice(filter(run_filter.takes, found), start, None)
    runs = list(itertools.islice(filter(run_filter.takes, found), size + 1))
    next_cursor = None
    if len(runs) > size:
        next_cursor = spell_place(latest, start + size, runs[size - 1], order)
    return Page(runs[:size], next_cursor, run_filter.looked_at)


def read_parts(
    scopes: Sequence[Scope],
    expression: Expression | None,
    keep: Keep,
    size: int,
    cursor: str | None = None,
) -> Page:
    """Read a page of the runs of several scopes, one scope after the other, each newest first.

    Raises the exceptions of :func:`read_page`.
    """
    part, position = parse_part(cursor)
    runs: list[RunRecord] = []
    looked_at = 0
    deadline = time.monotonic() + TIME_LIMIT_S
    for number, scope in enumerate(scopes[part:], part):
        seconds = max(0.0, deadline - time.monotonic())
        page = read_page(scope, expression, keep, size - len(runs), position, seconds)
        runs, looked_at, position = runs + page.runs, looked_at + page.looked_at, None
        if page.cursor is not None:
            return Page(runs, spell_part(number, page.cursor), looked_at)
        if len(runs) == size and number + 1 < len(scopes):
            return Page(runs, spell_part(number + 1), looked_at)
    return Page(runs, None, looked_at)


def find_all(
    scope: Scope,
    expression: Expression | None,
    keep: Keep,
    fields: Iterable[str] | None = None,
) -> Iterator[RunRecord]:
    """Find all runs that a filter and ``keep`` choose, newest first.

    ``fields`` are the fields of records that ``keep`` and the caller use; None means all. With an
    expression, whole records are read. Raises the exceptions of :func:`read_page`.
    """
    if expression is None and fields is not None:
        tested = record_fields((), scope.conditions)
        query = RunQuery(
            experiment_ids=list(scope.experiments),
            conditions=tuple(scope.conditions),
            fields=tested.union(fields),
        )
        records = scope.tracker.find_runs(query) if scope.experiments else iter(())
        yield from (
            record
            for record in records
            if all(condition.holds(record) for condition in scope.conditions) and keep(record)
        )
        return
    run_filter = _Filter(scope, expression, keep)
    yield from filter(run_filter.takes, run_filter.candidates(None, 0))


def _limit_created(scope: Scope, moment: datetime) -> Scope:
    """Return the scope without runs that were created after a time: they would shift pages."""
    created = Condition("created", Op.LE, moment)
    return replace(scope, conditions=(*scope.conditions, created))


def order_feature(order: Order) -> Feature:
    """The feature of a tracker that can give this order."""
    return Feature.METRICS if order.field in ORDERS else Feature.ORDER


class _Filter:
    """A filter and ``keep``, by which a page's runs are found."""

    def __init__(self, scope: Scope, expression: Expression | None, keep: Keep) -> None:
        self._scope, self._expression, self._keep = scope, expression, keep
        self._numbered = expression is not None and expression.needs_numbers
        self._metrics, self._named = scope.metrics, frozenset[str]()
        if expression is not None:
            self._named = metrics_in(expression.tree)
            self._metrics |= metric_fields_of(expression)
        self.conditions = tuple(scope.conditions)
        self._filter = None if expression is None else RunFilter(expression.tree["children"][2])
        self._superset: Superset = EVERY if self._filter is None else self._filter.superset
        self._search: Search | None = None
        self._looked_at = 0

    @property
    def looked_at(self) -> int:
        """How many runs have been read so far."""
        return self._looked_at + (0 if self._search is None else self._search.candidates)

    def candidates(self, after: tuple[int, str] | None, limit: int) -> Iterator[RunRecord]:
        """Find runs after a position, newest first. A ``limit`` of 0 means no limit."""
        conditions = self.conditions
        if after is not None:
            conditions = (*conditions, Condition("created", Op.LE, from_microseconds(after[0])))
        scope = replace(self._scope, conditions=conditions, metrics=self._metrics)
        self._search = Search(scope, self._numbered, self._named)
        records = self._search.find(self._superset, limit + ALIKE if limit and after else limit)
        if after is not None:
            records = itertools.dropwhile(lambda record: _is_at_or_before(record, after), records)
        return itertools.islice(records, limit) if limit else records

    def may_order(self, order: Order) -> bool:
        """Whether one search of the tracker finds the runs, so that the tracker can sort them."""
        return len(self._superset) <= 1 and order_feature(order) in self._scope.tracker.features

    def find_in_order(
        self, order: Order, hint: int, place: Place | None = None
    ) -> Iterator[RunRecord]:
        """Find all runs in the tracker's order. They are read while you iterate.

        Those before a place may be missing.
        """
        self._looked_at = self.looked_at
        scope = replace(self._scope, metrics=self._metrics)
        self._search = Search(scope, self._numbered, self._named)
        return self._search.find(self._superset, hint, order, place=place)

    def find_after(
        self, order: Order, hint: int, place: Place | None
    ) -> Iterator[RunRecord] | None:
        """Find the runs after the run at a place. None if that run is not there any more."""
        if place is None:
            return None
        records = self.find_in_order(order, hint + 1, place)
        for record in records:
            if record.id == place.run_id and value_of(record, order) == place.value:
                return records
        return None

    def takes(self, record: RunRecord) -> bool:
        # The tracker's search may find runs that do not match.
        is_in_scope = all(condition.holds(record) for condition in self.conditions)
        if not is_in_scope or not self._keep(record):
            return False
        if self._expression is None or self._filter is None or self._search is None:
            return True
        try:
            return self._filter.holds(record, self._search)
        except ERRORS as error:
            raise QueryFailed(self._expression, reason_of(error)) from error


def _is_at_or_before(record: RunRecord, position: tuple[int, str]) -> bool:
    """Whether a run is at a position or before it, in the order newest first, then by id."""
    created, run_id = sort_key(record)
    return (-created, run_id) <= (-position[0], position[1])
