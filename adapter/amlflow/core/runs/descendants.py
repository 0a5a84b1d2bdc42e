"""The runs below a run, found with few calls."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from amlflow.spec import Condition, Op, RunQuery, RunRecord, Tracker

MAX_OTHERS = 1000
"""How many nested runs are read to find those whose root was changed. A server sends them whole."""
CLOCKS = timedelta(hours=1)
"""By how much the clocks of two machines that create runs may differ."""


def children(
    tracker: Tracker, parent: RunRecord, conditions: Sequence[Condition] = ()
) -> Iterator[RunRecord]:
    """Return the run's children that meet the conditions, newest first."""
    mine = Condition("parent_id", Op.EQ, parent.id)
    return tracker.find_runs(
        RunQuery(experiment_ids=[parent.experiment_id], conditions=[mine, *conditions])
    )


def descendants(
    tracker: Tracker, ancestor: RunRecord, conditions: Sequence[Condition] = ()
) -> Iterator[RunRecord]:
    """Yield all runs below a run that meet the conditions, newest first.

    A run is below another one if its parents lead there. The root that a run names only limits what
    is read: the runs with the ancestor's root, and those without one, since other clients of the
    tracker nest runs without naming a root. Somebody may have changed the root of a run. So the
    parents of other nested runs are read, too, up to :data:`MAX_OTHERS` of them. If one of these
    runs, or a child of the ancestor, is below the ancestor, or the parent of a run that was read is
    missing, all nested runs of the experiment are read. So the number of searches does not grow
    with the number of runs.
    """
    root_id = ancestor.root_id if ancestor.parent_id else ancestor.id
    runs = {run.id: run for run in _nested(tracker, ancestor, Condition("root_id", Op.LACKS))}
    if root_id is not None:
        for run in _nested(tracker, ancestor, Condition("root_id", Op.EQ, root_id)):
            runs[run.id] = run
    known = {*runs, ancestor.id, root_id}
    others = [run for run in _others(tracker, ancestor) if run.id not in known]
    family = _family(ancestor, [*runs.values(), *others])
    if (
        any(run.id in family for run in others)
        or any(child.id not in known for child in children(tracker, ancestor))
        or any(run.parent_id not in known for run in runs.values() if run.root_id is not None)
    ):
        runs = {run.id: run for run in _nested(tracker, ancestor)}
        family = _family(ancestor, runs.values())
    for run in sorted(runs.values(), key=lambda run: run.created, reverse=True):
        if run.id in family and all(condition.holds(run) for condition in conditions):
            yield run


def _family(ancestor: RunRecord, runs: Iterable[RunRecord]) -> set[str]:
    """Return the ids of those runs whose parents lead to the ancestor."""
    below: dict[str | None, list[str]] = {}
    for run in runs:
        below.setdefault(run.parent_id, []).append(run.id)
    family, front = {ancestor.id}, [ancestor.id]
    while front:
        for run_id in below.get(front.pop(), []):
            if run_id not in family:
                family.add(run_id)
                front.append(run_id)
    return family - {ancestor.id}


def _others(tracker: Tracker, ancestor: RunRecord) -> Iterator[RunRecord]:
    """Return the ids and parents of the newest nested runs that are not older than a run."""
    since = Condition("created", Op.GE, ancestor.created - CLOCKS)
    query = RunQuery(
        experiment_ids=[ancestor.experiment_id],
        conditions=[Condition("parent_id", Op.HAS), since],
        limit=MAX_OTHERS,
        fields=frozenset({"parent_id", "created"}),
    )
    return itertools.islice(tracker.find_runs(query), MAX_OTHERS)


def _nested(tracker: Tracker, ancestor: RunRecord, *conditions: Condition) -> Iterator[RunRecord]:
    """Return the nested runs of a run's experiment that meet the conditions."""
    has_parent = Condition("parent_id", Op.HAS)
    return tracker.find_runs(
        RunQuery(experiment_ids=[ancestor.experiment_id], conditions=[has_parent, *conditions])
    )
