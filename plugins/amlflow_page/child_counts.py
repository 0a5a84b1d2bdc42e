"""Counts the children of runs, for all runs of a page at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from amlflow.query.document import Entry
from amlflow.query.search import Scope, Search
from amlflow.query.supersets import EVERY
from amlflow.spec import Condition, Op, RunRecord, Tracker

CLOCKS_APART = timedelta(days=1)
"""How much older a child may seem than its parent, since their machines' clocks may differ."""


def count_children(
    tracker: Tracker, experiments: Mapping[str, str], parents: Sequence[RunRecord]
) -> dict[str, dict[str, int]]:
    """Return the number of children by status, for each of the runs that has children.

    Only children in ``experiments`` are counted. One search reads the children of all parents:
    it reads every nested run that is not older than the oldest parent. If the tracker can, it
    returns columns instead of runs.
    """
    if not parents:
        return {}
    wanted = {record.id for record in parents}
    oldest = min(record.created for record in parents) - CLOCKS_APART
    conditions = (Condition("parent_id", Op.HAS), Condition("created", Op.GE, oldest))
    counts: dict[str, dict[str, int]] = {}
    for parent_id, status in _read(Scope(tracker, experiments, conditions)):
        if parent_id in wanted:
            by_status = counts.setdefault(parent_id, {})
            by_status[status] = by_status.get(status, 0) + 1
    return counts


def _read(scope: Scope) -> Iterable[tuple[str, str]]:
    """Return the parent's id and the status of each nested run."""
    search = Search(scope, numbered=False)
    columns = search.values(EVERY, ("parent_id", "status"))
    return _read_one_by_one(scope, search) if columns is None else columns


def _read_one_by_one(scope: Scope, search: Search) -> Iterator[tuple[str, str]]:
    entries = (Entry("parent_run_id"), Entry("status"))
    for record in search.find(EVERY, 0, None, entries):
        # A tracker may find too many.
        is_in_scope = all(condition.holds(record) for condition in scope.conditions)
        if is_in_scope and record.parent_id is not None:
            yield record.parent_id, record.status
