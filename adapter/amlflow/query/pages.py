"""Reads runs page by page: for a list that somebody looks through, however many there are.

A page is found with as few runs read as the tracker's search allows. Where little of what is read
belongs on the page, it is given back after some time as far as it is, with the place to read on.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from amlflow.query.evaluation import ERRORS, Interpreter, reason_of
from amlflow.query.expression import Expression, QueryFailed
from amlflow.query.nodes import Node
from amlflow.query.pushdown import reach
from amlflow.query.search import Scope, Search
from amlflow.query.supersets import EVERY, Superset, either
from amlflow.spec import Condition, Feature, Op, Order, RunRecord
from amlflow.times import from_microseconds, to_microseconds
from amlflow.tracker_data import MAX_NAME, Malformed, shown, to_count, to_whole

Keep = Callable[[RunRecord], bool]
"""Says of a run that the tracker's search found whether it belongs on the page."""

MANY = 900
"""Runs that are read at once where a page's worth was not enough."""
ALIKE = 50
"""Runs that may have begun in the same millisecond as the last one of a page, and come again."""
TIME_LIMIT_S = 0.7
"""After which a page is given back that is not full."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some runs, newest first, and where to read on: None at the end.

    ``looked_at`` is how many runs were read for it.
    """

    runs: list[RunRecord]
    cursor: str | None
    looked_at: int


def is_filter(expression: Expression) -> bool:
    """Whether the expression does nothing but choose among runs: ``[?…]``."""
    tree = expression.tree
    return tree["type"] == "filter_projection" and all(
        child["type"] == "identity" for child in tree["children"][:2]
    )


def read_page(
    scope: Scope,
    expression: Expression | None,
    keep: Keep,
    size: int,
    cursor: str | None = None,
    seconds: float = TIME_LIMIT_S,
) -> Page:
    """The runs after a cursor that a filter and ``keep`` choose, at most ``size`` of them.

    Raises:
        QueryFailed: jmespath cannot evaluate the filter on one of the runs.
        ValueError: the cursor is none that a page gave.
    """
    place = None if cursor is None else _place(cursor)
    chosen = _Filter(scope, expression, keep)
    runs: list[RunRecord] = []
    looked_at = 0
    deadline = time.monotonic() + seconds
    # One more than a page, so that a full page knows whether there is another.
    at_once = size + 1
    while True:
        read = 0
        for record in chosen.candidates(place, at_once):
            read += 1
            if chosen.takes(record):
                if len(runs) == size:
                    return Page(runs, _cursor(runs[-1]), looked_at + read)
                runs.append(record)
            place = _key(record)
        looked_at += read
        if read < at_once:
            return Page(runs, None, looked_at)
        if place is not None and time.monotonic() > deadline:
            return Page(runs, _spelled(place), looked_at)
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
    """As :func:`read_page` in another order, for which all runs in question have to be read.

    ``order`` gives what compares; runs for which it gives None come last either way. Of runs that
    compare alike the newest is first.
    """
    upto, start = _offset(cursor)
    chosen = _Filter(_upto(scope, upto), expression, keep)
    absent: list[RunRecord] = []
    looked_at = 0

    def present() -> Iterator[tuple[Any, int, RunRecord]]:
        nonlocal looked_at
        for record in chosen.candidates(None, 0):
            looked_at += 1
            if chosen.takes(record):
                value = order(record)
                if value is None:
                    if len(absent) <= start + size:
                        absent.append(record)
                else:
                    yield value, (looked_at if not descending else -looked_at), record

    best = heapq.nlargest if descending else heapq.nsmallest
    ranked = best(start + size + 1, present(), key=lambda each: each[:2])
    runs = [*(record for _, _, record in ranked), *absent][start : start + size + 1]
    more = len(runs) > size
    return Page(runs[:size], f"{to_microseconds(upto)}.{start + size}" if more else None, looked_at)


def read_in_order(
    scopes: Iterable[Scope],
    expression: Expression | None,
    keep: Keep,
    size: int,
    order: Order | None = None,
    cursor: str | None = None,
) -> Page | None:
    """As :func:`read_sorted`, of one scope after the other, each in the tracker's own order.

    No more runs are read than it takes. None where the tracker cannot give this order.
    """
    upto, start = _offset(cursor)
    runs: list[RunRecord] = []
    looked_at = 0
    for scope in scopes:
        chosen = _Filter(_upto(scope, upto), expression, keep)
        if order is not None and not chosen.may_order():
            return None
        for record in chosen.ordered(order, start + size + 1):
            looked_at += 1
            if chosen.takes(record):
                runs.append(record)
                if len(runs) > start + size:
                    return Page(
                        runs[start:-1], f"{to_microseconds(upto)}.{start + size}", looked_at
                    )
    return Page(runs[start:], None, looked_at)


def _upto(scope: Scope, moment: datetime) -> Scope:
    """Without runs that begin while somebody turns pages, and would shift them."""
    created = Condition("created", Op.LE, moment)
    return replace(scope, conditions=(*scope.conditions, created))


class _Filter:
    """What a page's runs are found by."""

    def __init__(self, scope: Scope, expression: Expression | None, keep: Keep) -> None:
        self._scope, self._expression, self._keep = scope, expression, keep
        self._numbered = expression is not None and expression.needs_numbers
        self._superset: Superset = EVERY
        self.conditions = tuple(scope.conditions)
        self._test: Node | None = None
        self._make: Search | None = None
        if expression is not None:
            condition = expression.tree["children"][2]
            reached = reach(condition)
            self._superset = either(reached.true, reached.error)
            self._test = expression.tree
        self._interpreter = Interpreter()

    def candidates(self, after: tuple[int, str] | None, limit: int) -> Iterator[RunRecord]:
        """Runs after a place, newest first; 0 means without a limit."""
        conditions = self.conditions
        if after is not None:
            conditions = (*conditions, Condition("created", Op.LE, from_microseconds(after[0])))
        self._make = Search(replace(self._scope, conditions=conditions), self._numbered)
        found = self._make.find(self._superset, limit + ALIKE if limit and after else limit)
        if after is not None:
            found = itertools.dropwhile(lambda record: _before(record, after), found)
        return itertools.islice(found, limit) if limit else found

    def may_order(self) -> bool:
        """Whether one search of the tracker gives the runs, which it then may order."""
        return len(self._superset) <= 1 and Feature.ORDER in self._scope.tracker.features

    def ordered(self, order: Order | None, hint: int) -> Iterator[RunRecord]:
        """All runs in an order of the tracker's, read as they are asked for."""
        self._make = Search(self._scope, self._numbered)
        return self._make.find(self._superset, hint, order)

    def takes(self, record: RunRecord) -> bool:
        # A tracker may find too many.
        if not all(each.holds(record) for each in self.conditions) or not self._keep(record):
            return False
        if self._expression is None or self._test is None or self._make is None:
            return True
        try:
            return bool(self._interpreter.visit(self._test, [self._make.document(record)]))
        except ERRORS as error:
            raise QueryFailed(self._expression, reason_of(error)) from error


def _before(record: RunRecord, place: tuple[int, str]) -> bool:
    """Whether the run is at the place or before it: newest first, then by id."""
    created, run_id = _key(record)
    return (-created, run_id) <= (-place[0], place[1])


def _key(record: RunRecord) -> tuple[int, str]:
    return to_microseconds(record.created), record.id


def _spelled(place: tuple[int, str]) -> str:
    return f"{place[0]}.{place[1]}"


def _cursor(record: RunRecord) -> str:
    return _spelled(_key(record))


def _place(cursor: str) -> tuple[int, str]:
    """The microseconds and the run's id that :func:`_spelled` made a cursor of."""
    stamp, dot, run_id = cursor.partition(".")
    try:
        found = to_whole(stamp)
    except Malformed:
        dot = ""
    if not dot or not run_id or len(run_id) > MAX_NAME:
        raise ValueError(f"{shown(cursor)} is not the cursor of a page.")
    return found, run_id


def _offset(cursor: str | None) -> tuple[datetime, int]:
    if cursor is None:
        return datetime.now(timezone.utc), 0
    stamp, start = _place(cursor)
    try:
        return from_microseconds(stamp), to_count(start)
    except Malformed:
        raise ValueError(f"{shown(cursor)} is not the cursor of a page.") from None
