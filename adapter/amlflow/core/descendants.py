"""The runs below a run, found without a call for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from amlflow.spec import Condition, Op, RunQuery, RunRecord, Tracker


def children(
    tracker: Tracker, parent: RunRecord, conditions: Sequence[Condition] = ()
) -> Iterator[RunRecord]:
    """The run's children that meet the conditions, newest first."""
    mine = Condition("parent_id", Op.EQ, parent.id)
    return tracker.find_runs(
        RunQuery(experiment_ids=[parent.experiment_id], conditions=[mine, *conditions])
    )


def descendants(
    tracker: Tracker, ancestor: RunRecord, conditions: Sequence[Condition] = ()
) -> Iterator[RunRecord]:
    """All runs below a run that meet the conditions, newest first.

    A run that another client nested names its parent and not its root, so the tree is put
    together here from the runs of the experiment that have a parent at all.
    """
    nested = list(
        tracker.find_runs(
            RunQuery(
                experiment_ids=[ancestor.experiment_id],
                conditions=[Condition("parent_id", Op.HAS)],
            )
        )
    )
    below: dict[str, list[RunRecord]] = {}
    for run in nested:
        below.setdefault(run.parent_id or "", []).append(run)
    found, front = set(), [ancestor.id]
    while front:
        for run in below.get(front.pop(), ()):
            if run.id not in found:
                found.add(run.id)
                front.append(run.id)
    for run in nested:
        if run.id in found and all(condition.holds(run) for condition in conditions):
            yield run
