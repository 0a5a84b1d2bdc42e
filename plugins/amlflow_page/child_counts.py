"""How many children runs have, counted for a page of runs at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta

from amlflow.query.document import Entry
from amlflow.query.search import Scope, Search
from amlflow.query.supersets import EVERY
from amlflow.spec import Condition, Op, RunRecord, Tracker

CLOCKS_APART = timedelta(days=1)
"""By how much a child may seem to be older than its parent, whose clock is another one."""


def count_children(
    tracker: Tracker, experiments: Mapping[str, str], parents: Sequence[RunRecord]
) -> dict[str, dict[str, int]]:
    """The number of children by status, for each of the runs that has some.

    Children in one of the experiments are counted. Those of all parents are read at once, as
    columns where the tracker can: only nested runs that are not older than the oldest parent.
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
    """The parent and the status of each nested run."""
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
