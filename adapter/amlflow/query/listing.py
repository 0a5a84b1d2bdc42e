"""Lists runs in the order of a column: for the studio, ``run list --order-by`` and ``query``."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from amlflow.exceptions import UserErrorException
from amlflow.metric_numbers import is_metric
from amlflow.query.document import record_fields, whole_record
from amlflow.query.expression import Expression
from amlflow.query.orders import metric_fields, native_order, order
from amlflow.query.pages import (
    Page,
    is_filter,
    order_feature,
    read_in_order,
    read_page,
    read_parts,
    read_sorted,
)
from amlflow.query.search import Scope
from amlflow.query.shapes import metrics_in
from amlflow.spec import FINAL, Condition, Op, RunQuery, RunRecord, Status, Tracker

NEWEST_FIRST = "-created"
MAX_EXPERIMENTS = 50
"""How many experiments are searched one after the other, in the order of their names."""
MAX_OPEN = 100
"""How many runs that have not ended are read to see which statuses occur."""
STATUSES = [value for name, value in vars(Status).items() if name.isupper()]
EVERY_RUN = ("[]", "[*]", "@")
"""Expressions that choose all runs."""

Keep = Callable[[RunRecord], bool]


def list_page(
    scope: Scope,
    expression: Expression | None,
    keep: Keep,
    size: int,
    sort: str,
    cursor: str | None = None,
) -> Page:
    """Return a page of the runs that a filter and ``keep`` choose, sorted by a column.

    ``sort`` is a column. ``-`` before it means the largest first. Runs without a value come last.

    Raises:
        QueryFailed: jmespath cannot evaluate the filter on one of the runs.
        UnknownColumn: runs cannot be sorted by this column.
        ValueError: the cursor is not the cursor of a page.
    """
    column, descending = sort.removeprefix("-"), sort.startswith("-")
    by = order(column, scope.experiments)
    if sort == NEWEST_FIRST:
        return read_page(scope, expression, keep, size, cursor)
    groups = _groups(scope, column, descending, cursor is None)
    if groups is not None:
        return read_parts(groups, expression, keep, size, cursor)
    native = native_order(column, descending)
    if native is not None:
        page = read_in_order(scope, expression, keep, size, native, cursor)
        if page is not None:
            return page
    return read_sorted(scope, expression, keep, size, by, descending, cursor)


def is_native_order(tracker: Tracker, sort: str) -> bool:
    """Whether the tracker sorts runs by the column of :func:`list_page` by itself."""
    column = sort.removeprefix("-")
    if sort == NEWEST_FIRST or column in ("status", "experiment"):
        return True
    native = native_order(column, sort.startswith("-"))
    return native is not None and order_feature(native) in tracker.features


def list_sorted(
    scope: Scope,
    expression: Expression | None,
    keep: Keep,
    order_by: str,
    limit: int | None = None,
) -> list[RunRecord]:
    """Return all runs that a filter and ``keep`` choose, or the first ``limit``, sorted by a
    column.

    ``order_by`` is a column. It can be followed by "desc" or "asc".

    Raises:
        UserErrorException: the expression does not only choose runs, or ``order_by`` is not a
            column.
    """
    if expression is not None and expression.text.strip() in EVERY_RUN:
        expression = None
    if expression is not None and not is_filter(expression):
        raise UserErrorException(
            f"{expression.text!r} does not only choose runs, so its result cannot be ordered by "
            f"{order_by!r}. Use a query such as [?status=='Failed'], or let the query sort: "
            "sort_by([?metrics.loss], &metrics.loss)."
        )
    sort = parse_order(order_by)
    fields = metric_fields([sort.removeprefix("-")])
    if expression is not None:
        fields |= metrics_in(expression.tree)
    scope = replace(scope, metrics=scope.metrics | fields)
    size = sys.maxsize // 2 if limit is None else limit
    runs: list[RunRecord] = []
    cursor = None
    while True:
        page = list_page(scope, expression, keep, size - len(runs), sort, cursor)
        runs += page.runs
        cursor = page.cursor
        if cursor is None or len(runs) >= size:
            return runs


def parse_order(text: str) -> str:
    """Return the ``sort`` of :func:`list_page` for ``COLUMN``, with or without asc or desc."""
    column, _, direction = text.strip().rpartition(" ")
    if not column or direction.casefold() not in ("asc", "desc"):
        column, direction = text.strip(), "asc"
    order(column, {})  # raises UnknownColumn
    return f"-{column.strip()}" if direction.casefold() == "desc" else column.strip()


def _groups(scope: Scope, column: str, descending: bool, is_first_page: bool) -> list[Scope] | None:
    """Split a scope into parts whose runs follow each other in this order; None if it cannot."""
    if column == "status":
        # Each part is a search, and there are many statuses that mostly no run has.
        found = _open_statuses(scope) if is_first_page else None
        searched = STATUSES if found is None else FINAL | found
        return [
            replace(
                scope,
                experiments=scope.experiments if status in searched else {},
                conditions=(*scope.conditions, Condition("status", Op.EQ, status)),
            )
            for status in sorted(STATUSES, reverse=descending)
        ]
    if column == "experiment" and len(scope.experiments) <= MAX_EXPERIMENTS:
        names = scope.experiments.items()
        by_name = sorted(names, key=lambda item: item[1].casefold(), reverse=descending)
        return [replace(scope, experiments=dict([item])) for item in by_name]
    return None


def _open_statuses(scope: Scope) -> frozenset[str] | None:
    """Return the statuses of the runs that have not ended; None if these are many."""
    if not scope.experiments:
        return frozenset()
    goes_on = [Condition("status", Op.NE, status) for status in sorted(FINAL)]
    conditions = (*scope.conditions, *goes_on)
    query = RunQuery(
        experiment_ids=list(scope.experiments),
        conditions=conditions,
        limit=MAX_OPEN + 1,
        fields=record_fields((), conditions),
    )
    found = [run.status for run in itertools.islice(scope.tracker.find_runs(query), MAX_OPEN + 1)]
    return frozenset(found) if len(found) <= MAX_OPEN else None


def narrow(scope: Scope, keep: Keep) -> Scope:
    """Return the scope without the runs for which ``keep`` is false."""
    return replace(scope, tracker=_Narrowed(scope, keep), conditions=())  # type: ignore[arg-type]


class _Narrowed:
    """A tracker that finds only the runs for which ``keep`` is true."""

    def __init__(self, scope: Scope, keep: Callable[[RunRecord], bool]) -> None:
        self._tracker, self._conditions, self._keep = scope.tracker, scope.conditions, keep

    def find_runs(self, query: RunQuery) -> Iterator[RunRecord]:
        """Find the runs of a query, without others that the tracker may find."""
        conditions = (*self._conditions, *query.conditions)
        combined_query = RunQuery(
            experiment_ids=query.experiment_ids,
            conditions=conditions,
            limit=query.limit,
            fields=whole_record(filter(is_metric, query.fields or ())),
        )
        for record in self._tracker.find_runs(combined_query):
            if all(condition.holds(record) for condition in conditions) and self._keep(record):
                yield record

    def run_numbers(self, runs: Sequence[RunRecord]) -> list[int]:
        """Return the numbers of runs, as :meth:`amlflow.spec.Tracker.run_numbers` does."""
        return self._tracker.run_numbers(runs)
