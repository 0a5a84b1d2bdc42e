"""The runs below a run, found with few calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from amlflow.spec import Condition, Op, RunQuery, RunRecord, Tracker


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

    If another client has nested a run, the run has a parent but no root. Therefore this reads all
    such runs of the experiment, and builds the tree itself.
    """
    has_parent = Condition("parent_id", Op.HAS)
    roots = [Condition("root_id", Op.EQ, ancestor.root_id), Condition("root_id", Op.LACKS)]
    if ancestor.root_id is None:
        roots = roots[1:]
    runs = [
        run
        for root in roots
        for run in tracker.find_runs(
            RunQuery(experiment_ids=[ancestor.experiment_id], conditions=[has_parent, root])
        )
    ]
    below: dict[str | None, list[RunRecord]] = {}
    for run in runs:
        below.setdefault(run.parent_id, []).append(run)
    family, front = {ancestor.id}, [ancestor.id]
    while front:
        for run in below.get(front.pop(), ()):
            if run.id not in family:
                family.add(run.id)
                front.append(run.id)
    family.remove(ancestor.id)
    runs.sort(key=lambda run: run.created, reverse=True)
    for run in runs:
        if run.id in family and all(condition.holds(run) for condition in conditions):
            yield run
